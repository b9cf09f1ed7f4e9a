//! Which of several proxy servers a node turns to.

/// The proxy servers of a node, in the order in which they were named. It stays with one for as long as that
/// is there, and goes on to the next when it is not, from the last to the first.
#[derive(Debug)]
pub(super) struct Proxies {
    /// Never empty.
    addresses: Vec<String>,
    present: usize,
    /// One that another one has named: it has its turn before those.
    named: Option<String>,
    /// How many in a row were away.
    away: usize,
}

impl Proxies {
    /// `None`: there are none.
    pub(super) fn new(addresses: Vec<String>) -> Option<Proxies> {
        let named = None;
        (!addresses.is_empty()).then_some(Proxies { addresses, present: 0, named, away: 0 })
    }

    /// HOST:PORT of the one to turn to.
    pub(super) fn present(&self) -> &str {
        let told = self.addresses.get(self.present).map_or("", String::as_str);
        self.named.as_deref().unwrap_or(told)
    }

    /// The present one says that it is for another one, which is there if that is known. True when that may be
    /// tried at once; false when they only send the node to and fro.
    pub(super) fn is_elsewhere(&mut self, proxy: Option<String>) -> bool {
        let proxy = proxy.filter(|proxy| self.named.is_none() && proxy != self.present());
        match proxy {
            Some(proxy) => {
                self.named = Some(proxy);
                true
            }
            None => {
                self.is_away();
                false
            }
        }
    }

    /// The present one is there.
    pub(super) fn is_there(&mut self) {
        self.away = 0;
    }

    /// The present one is away: the next has its turn. True when it may be tried at once; false when all of
    /// them were away, one after the other.
    pub(super) fn is_away(&mut self) -> bool {
        self.named = None;
        self.present = (self.present + 1) % self.addresses.len().max(1);
        self.away += 1;
        if self.away < self.addresses.len() {
            return true;
        }
        self.away = 0;
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Proxies {
        Proxies::new(["a:1", "b:1", "c:1"].map(str::to_owned).into()).unwrap()
    }

    #[test]
    fn the_next_at_once_until_all_were_away() {
        let mut proxies = three();
        assert_eq!(proxies.present(), "a:1");
        assert!(proxies.is_away());
        assert_eq!(proxies.present(), "b:1");
        assert!(proxies.is_away());
        assert!(!proxies.is_away());
        assert_eq!(proxies.present(), "a:1");
        assert!(proxies.is_away(), "and all over again");
    }

    #[test]
    fn a_node_stays_with_the_one_that_is_there() {
        let mut proxies = three();
        proxies.is_away();
        proxies.is_there();
        assert_eq!(proxies.present(), "b:1");
        assert!(proxies.is_away() && proxies.is_away());
        assert!(!proxies.is_away());
    }

    #[test]
    fn one_that_was_named_has_its_turn_first() {
        let mut proxies = three();
        assert!(proxies.is_elsewhere(Some("d:1".to_owned())));
        assert_eq!(proxies.present(), "d:1");
        proxies.is_there();
        assert_eq!(proxies.present(), "d:1");
        // When it is gone, those that the user has named.
        assert!(proxies.is_away());
        assert_eq!(proxies.present(), "b:1");
        // Who names itself, or is named and names another, has nothing to say.
        assert!(!proxies.is_elsewhere(Some("b:1".to_owned())));
        assert_eq!(proxies.present(), "c:1");
        assert!(proxies.is_elsewhere(Some("d:1".to_owned())));
        assert!(!proxies.is_elsewhere(Some("c:1".to_owned())));
        assert_eq!(proxies.present(), "a:1");
        assert!(!proxies.is_elsewhere(None));
        assert_eq!(proxies.present(), "b:1");
    }

    #[test]
    fn one_alone_is_waited_for() {
        assert!(Proxies::new(Vec::new()).is_none());
        let mut one = Proxies::new(vec!["a:1".to_owned()]).unwrap();
        assert!(!one.is_away());
        assert_eq!(one.present(), "a:1");
    }
}
