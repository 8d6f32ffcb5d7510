"""Trials on the nodes of a Ray cluster.

    coordinator                                broker                      a node
    RemoteExecutor ── Cluster ══ (a line) ══ broker.py ── Ray ── Agent ── LocalExecutor ══ worker process
          └────────────────── Exchange: a shared folder or a URL ───────────┘

Ray places an actor for each slot, and says which nodes live. Its driver is a process of its own, the broker, so that the search survives whatever happens
to Ray, and so that the driver's memory is not the search's. Messages are small: images and checkpoints travel through the exchange.
"""
