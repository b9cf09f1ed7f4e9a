//! The interface that every algorithm implements.

use std::time::Duration;

use super::{Config, Error, NodeFacts, NodeId, Placement, Totals};

/// The paper's `STopologyAlgorithm` (section 3.3.2): adds a node, removes a node, chooses a server node.
///
/// One of these holds the nodes of one channel: a tree with the streaming servers as roots. It does no
/// I/O and reads no clock, so that one that is fed the same calls decides the same.
///
/// A call can move other nodes than the one it names: the children of a node that left, those that a
/// lowered capacity has no room for, a weak node that makes way for a strong one. After **every** call
/// that changes something, take them all from [`poll_changed`](Self::poll_changed) and tell them:
///
/// ```ignore
/// while let Some(node) = topology.poll_changed() {
///     match topology.placement(node) {
///         Some(placement) => reassign(node, placement),
///         None => match topology.choose_server(node) {
///             Ok(placement) => reassign(node, placement),
///             Err(error) => tell(node, error), // it comes again when there is room
///         },
///     }
/// }
/// ```
///
/// A subtree keeps its shape when its topmost node is moved: only that one node needs a new session.
pub trait TopologyAlgorithm: Send {
    /// The name by which it is chosen on the command line.
    fn name(&self) -> &'static str;

    /// The bounds that it keeps.
    fn config(&self) -> Config;

    /// Adds a streaming server, which can serve `capacity` nodes.
    ///
    /// # Errors
    /// [`Error::Present`], [`Error::TooMany`].
    fn add_root(&mut self, id: NodeId, capacity: u32) -> Result<(), Error>;

    /// Adds a node that has no server node yet: [`choose_server`](Self::choose_server) comes next, or
    /// [`adopt`](Self::adopt) for one that receives already (the proxy server was started anew).
    ///
    /// # Errors
    /// [`Error::Present`], [`Error::TooMany`].
    fn add(&mut self, id: NodeId, facts: NodeFacts) -> Result<(), Error>;

    /// Removes a node or a streaming server, be it that it left or that it died. Its children have no
    /// server node from now on and come out of [`poll_changed`](Self::poll_changed).
    ///
    /// For one that leaves politely, move the children before it is told that it may go.
    ///
    /// # Errors
    /// [`Error::Unknown`].
    fn remove(&mut self, id: NodeId) -> Result<(), Error>;

    /// Chooses a server node and standbys for a node that has none. One that has a server node is told
    /// again which.
    ///
    /// # Errors
    /// [`Error::Full`]: the node stays without a server and comes out of
    /// [`poll_changed`](Self::poll_changed) when there may be room. [`Error::Unknown`], [`Error::IsRoot`].
    fn choose_server(&mut self, id: NodeId) -> Result<Placement, Error>;

    /// A node says that its server node is gone, or starves it (`ReConfiguration`): chooses another.
    ///
    /// The word of one is not taken for the truth: the server node stays where it is, but this node
    /// is not sent to it again while there is another. When somebody else's node says so too within a
    /// minute it is *demoted*: it gets no more children for a while. All nodes of one
    /// [owner](NodeFacts::owner) have one word. Streaming servers are never demoted. How often a node may
    /// ask is for the caller to limit.
    ///
    /// # Errors
    /// As [`choose_server`](Self::choose_server); and [`Error::Unplaced`].
    fn report_server(&mut self, id: NodeId) -> Result<Placement, Error>;

    /// A node has gone to `server` by itself, as to a standby: puts it there.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::Circle`], [`Error::Unfit`]: it must not stay there, and hangs in the
    /// topology where it did: call [`report_server`](Self::report_server) or
    /// [`choose_server`](Self::choose_server). [`Error::Unknown`] of either, [`Error::IsRoot`].
    fn adopt(&mut self, id: NodeId, server: NodeId) -> Result<Placement, Error>;

    /// A node or streaming server can serve `capacity` children from now on (`NodeInformation`). When it
    /// has more, those whose move disturbs fewest others lose their server node, and come out of
    /// [`poll_changed`](Self::poll_changed). One that serves nobody yet may get another place itself.
    ///
    /// # Errors
    /// [`Error::Unknown`].
    fn set_capacity(&mut self, id: NodeId, capacity: u32) -> Result<(), Error>;

    /// Whether a node is connected to the proxy server, as every node is at first. One that is not keeps its
    /// place and its children, and who had it as a standby keeps it; but nobody else is sent there, because
    /// it may be gone. Moves nobody.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::IsRoot`].
    fn set_connected(&mut self, id: NodeId, connected: bool) -> Result<(), Error>;

    /// It is `now` on the caller's clock: complaints that are older than a minute are forgotten. Without
    /// this no time passes.
    fn pass_time(&mut self, now: Duration);

    /// Where a node hangs; `None` when it has no server node, or is a streaming server, or unknown.
    fn placement(&self, id: NodeId) -> Option<Placement>;

    /// Whom a node can turn to by itself, best first: as in its [`Placement`], but also of one that has
    /// lost its server node. Empty when the node is unknown.
    fn standbys(&self, id: NodeId) -> Vec<NodeId>;

    /// What is known of a node or streaming server, its present capacity included.
    fn facts(&self, id: NodeId) -> Option<NodeFacts>;

    /// How many children a node has; `None` when it is unknown.
    fn children(&self, id: NodeId) -> Option<u32>;

    /// A node whose placement is another than the one last told, or that has no server node and may get
    /// one by [`choose_server`](Self::choose_server). Each comes once; `None` when all are told.
    fn poll_changed(&mut self) -> Option<NodeId>;

    /// How many nodes are 0, 1, 2 … hops away from a streaming server; those that are not fed are in none.
    fn hops(&self) -> &[usize];

    /// The topology in figures, without looking at each node.
    fn totals(&self) -> Totals;
}
