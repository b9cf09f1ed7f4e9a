//! What is counted: the ledger in which every packet in is a packet out or a drop under a named cause.
