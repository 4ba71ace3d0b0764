# expect: probed_through_node
# The witness stands in a door that will be closed.
@client
lab probe start {node_url}
@step probe
