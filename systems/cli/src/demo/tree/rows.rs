//! What is known of each node, by the events that it prints.

use std::collections::{HashMap, HashSet};

use rillcast_bench::omnicast::Tree;
use serde::Serialize;
use serde_json::Value;

/// All nodes, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Rows {
    rows: Vec<Row>,
    /// What the proxy server calls them.
    names: HashMap<String, String>,
    /// Those whose server node is gone, and which have another now.
    moved: HashSet<String>,
}

/// One node.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Row {
    pub(super) node: String,
    /// Hops from the streaming server.
    pub(super) hops: u64,
    /// From whom it takes the stream.
    pub(super) from: String,
    /// Frames in the last second.
    pub(super) frames: u64,
    pub(super) lost: u64,
    pub(super) twice: u64,
    pub(super) latency_ms: Option<f64>,
    pub(super) killed: bool,
}

impl Rows {
    /// Takes what has come from the nodes of a tree.
    pub(super) fn take(&mut self, tree: &mut Tree) {
        for node in &mut tree.nodes {
            for event in node.role.take_events() {
                self.event(&node.name, &event);
            }
        }
    }

    fn event(&mut self, node: &str, event: &Value) {
        let number = |name: &str| event[name].as_u64().unwrap_or(0);
        match event["event"].as_str() {
            Some("placed") => {
                let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
                self.names.insert(text("node"), node.to_owned());
                let from = self.name(&text("server"));
                self.row(node).from = from;
                self.count_hops();
            }
            Some("switched") => {
                let from = self.name(event["to"].as_str().unwrap_or_default());
                self.row(node).from = from;
                self.count_hops();
                self.moved.insert(node.to_owned());
            }
            Some("stats") => {
                let latency_ms = event["latency_ms"].as_f64();
                let (frames, lost, twice) = (number("frames"), number("lost"), number("twice"));
                let row = self.row(node);
                *row = Row { frames, lost, twice, latency_ms, ..row.clone() };
            }
            _ => {}
        }
    }

    /// What a node is called that the proxy server calls so.
    fn name(&self, id: &str) -> String {
        match (id, self.names.get(id)) {
            ("0", _) => "streaming server".to_owned(),
            (_, Some(name)) => name.clone(),
            (id, None) => id.to_owned(),
        }
    }

    fn row(&mut self, node: &str) -> &mut Row {
        let at = self.rows.iter().position(|row| row.node == node).unwrap_or_else(|| {
            self.rows.push(Row { node: node.to_owned(), ..Row::default() });
            self.rows.len() - 1
        });
        &mut self.rows[at]
    }

    /// What is below a node that was moved is told nothing: it is nearer, or further, by that.
    fn count_hops(&mut self) {
        let from: HashMap<String, String> =
            self.rows.iter().map(|row| (row.node.clone(), row.from.clone())).collect();
        for row in &mut self.rows {
            let up = std::iter::successors(from.get(&row.node), |server| from.get(*server));
            row.hops = up.take(from.len()).count() as u64;
        }
    }

    /// This one was killed.
    pub(super) fn killed(&mut self, node: &str) {
        let row = self.row(node);
        row.killed = true;
        row.frames = 0;
    }

    /// Whether a node takes the stream from another now than at first.
    pub(super) fn has_moved(&self, node: &str) -> bool {
        self.moved.contains(node)
    }

    pub(super) fn all(&self) -> &[Row] {
        &self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn events_fill_the_rows() {
        let mut rows = Rows::default();
        let placed =
            |node: &str, server: &str| json!({"event": "placed", "node": node, "server": server});
        rows.event("node 1", &placed("77", "0"));
        rows.event("node 2", &placed("78", "77"));
        let stats =
            json!({"event": "stats", "frames": 30, "lost": 1, "twice": 2, "latency_ms": 4.5});
        rows.event("node 2", &stats);
        let [first, second] = rows.all() else { panic!("two nodes") };
        assert_eq!((first.from.as_str(), first.hops), ("streaming server", 1));
        assert_eq!((second.from.as_str(), second.hops, second.frames), ("node 1", 2, 30));
        assert_eq!((second.lost, second.twice, second.latency_ms), (1, 2, Some(4.5)));
        rows.killed("node 1");
        rows.event("node 2", &json!({"event": "switched", "from": "77", "to": "0"}));
        assert!(rows.has_moved("node 2") && !rows.has_moved("node 1"));
        let [first, second] = rows.all() else { panic!("two nodes") };
        assert!(first.killed);
        assert_eq!((second.from.as_str(), second.hops), ("streaming server", 1));
    }
}
