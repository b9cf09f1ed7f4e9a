//! Choice of a transport among those a SETUP offers.

use super::{Chosen, ServerConfig};
use crate::rtsp::{Lower, Mode, Transport};

/// The first offer that both sides can do, those of the kind already in use before others: FFmpeg
/// wants all tracks to agree. `in_use`: the transports of the session's other tracks.
pub(super) fn choose(
    offers: &[Transport],
    config: &ServerConfig,
    in_use: &[Chosen],
) -> Option<(Transport, Chosen)> {
    let same = |offer: &&Transport| match in_use.first() {
        Some(Chosen::Udp { .. }) => offer.lower == Lower::Udp && !offer.multicast,
        Some(Chosen::Multicast) => offer.multicast,
        Some(Chosen::Tcp { .. }) => offer.lower == Lower::Tcp,
        None => true,
    };
    let (first, rest): (Vec<_>, Vec<_>) = offers.iter().partition(same);
    first.into_iter().chain(rest).find_map(|offer| {
        let chosen = match offer.lower {
            Lower::Udp if offer.multicast && config.multicast && plays(offer) => Chosen::Multicast,
            _ if offer.multicast => return None,
            Lower::Udp if config.udp => udp(offer)?,
            Lower::Tcp if config.tcp => tcp(offer, in_use)?,
            _ => return None,
        };
        Some((offer.clone(), chosen))
    })
}

fn plays(offer: &Transport) -> bool {
    offer.mode != Some(Mode::Record)
}

fn udp(offer: &Transport) -> Option<Chosen> {
    let (client_rtp, client_rtcp) = offer.client_port?;
    (client_rtp != 0 && client_rtcp != 0).then_some(Chosen::Udp { client_rtp, client_rtcp })
}

/// The channels asked for if they are free, else the lowest free pair: clients take the numbers
/// from the answer.
fn tcp(offer: &Transport, in_use: &[Chosen]) -> Option<Chosen> {
    let free = |channel: u8| {
        !in_use.iter().any(
            |used| matches!(used, Chosen::Tcp { rtp, rtcp } if *rtp == channel || *rtcp == channel),
        )
    };
    let fits = |(rtp, rtcp): &(u8, u8)| rtp != rtcp && free(*rtp) && free(*rtcp);
    let pairs = (0..=u8::MAX - 1).step_by(2).map(|rtp| (rtp, rtp + 1));
    let (rtp, rtcp) = offer.interleaved.into_iter().chain(pairs).find(fits)?;
    Some(Chosen::Tcp { rtp, rtcp })
}
