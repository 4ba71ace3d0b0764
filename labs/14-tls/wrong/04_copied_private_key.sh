# expect: copied_private_key
# A node's key was carried to another machine.
@client
echo {truth_key} | base64 -d > /root/copied.key
