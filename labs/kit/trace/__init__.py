"""`lab trace`: one real request and every hop it took, told from the packets seen and the kernels' own tables.

    script      on each host: hears all packets, sends the request
    netfilter   on each host: asks the packet filter and conntrack
    hosts       starts it on every host and talks to it
    world       the kernels' evidence as links, places, tables
    route       which interfaces a request should pass, by those tables
    packets     what was heard, as sightings of packets
    assemble    route and sightings put together: hops, and the first that is missing
    reasons     why that one is missing
    text, drawing   what is shown
"""
