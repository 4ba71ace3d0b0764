"""What several managers share: an etcd member beside each of them. Raft is etcd's; nothing here decides by vote."""
