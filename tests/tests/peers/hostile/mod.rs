//! What strangers do to a server, and a bystander that must not notice.
//!
//! Each test runs several attacks, one after the other, beside one bystander: a publisher, a player over
//! TCP and one over UDP, that compare every packet. After each attack they have to get on, so that a
//! failure names the attack; at the end nothing may be missing, and memory has to be where it was.

mod crowds;
mod media;
mod players;
mod requests;

use rillcast_tests::bystander::Bystander;
use rillcast_tests::scene::Scene;
use rillcast_tests::server::Server;
use serde_json::Value;

/// Memory that the server may hold more after the attacks than before: what the allocator keeps.
const GROWTH: u64 = 64 << 20;

/// A server under attack.
struct Siege {
    server: Server,
    bystander: Bystander,
    memory: u64,
}

impl Siege {
    /// A server with a short patience, and a bystander on it.
    fn lay(scene: &Scene, options: &[&str]) -> Siege {
        let fixed = ["--session-timeout", "2", "--linger", "0"];
        let options: Vec<&str> = fixed.iter().chain(options).copied().collect();
        let mut server = Server::start(scene, &options);
        let bystander = Bystander::start(&mut server);
        let memory = server.process().memory();
        Siege { server, bystander, memory }
    }

    /// Carries out one attack and looks after the bystander.
    fn attack(&mut self, name: &str, attack: impl FnOnce(&mut Server)) {
        println!("{name}");
        attack(&mut self.server);
        self.bystander.is_unharmed_by(name);
        let grown = self.server.process().memory().saturating_sub(self.memory);
        assert!(grown < GROWTH, "{name}: the server has grown by {grown} bytes");
    }

    /// Ends it; what the server has counted.
    fn lift(mut self) -> Value {
        self.bystander.finish(&mut self.server);
        self.server.refusals()
    }
}
