//! What fan-out costs when a program in C drives the engine, beside the engine of `rillcast bench fanout`.
//!
//! `bench/from_c/run` builds both and starts this: `from_c RILLCAST RELAY [LIVES] [TURNS]`.
//!
//! Exit code 0 when the program in C takes no more than 3 % more, by the upper end of the interval.

use std::path::PathBuf;
use std::process::ExitCode;

use rillcast::io::Backend;
use rillcast_bench::fanout::beside::{Contest, Estimate, Life, compare};
use rillcast_bench::fanout::{Error, Plan, Transport};

/// What it may cost.
const LIMIT: f64 = 1.03;
const LIVES: usize = 12;
const TURNS: usize = 15;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(program), Some(other)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: from_c RILLCAST RELAY [LIVES] [TURNS]");
        return ExitCode::from(2);
    };
    let mut number = |otherwise| {
        let text = arguments.next().and_then(|text| text.into_string().ok());
        text.map_or(Some(otherwise), |text| text.parse().ok().filter(|number| *number > 0))
    };
    let (Some(lives), Some(turns)) = (number(LIVES), number(TURNS)) else {
        eprintln!("from_c: LIVES and TURNS are numbers from 1 on");
        return ExitCode::from(2);
    };
    let plan = Plan {
        streams: 1,
        children: 200,
        stalled: 0,
        transport: Transport::Udp,
        // The frames of 2 Mbit/s at 30 a second, in a quarter of the time.
        bitrate: 8_000_000,
        fps: 120,
        backend: Backend::Auto,
        workers: 0,
        gro: false,
        sink: false,
        seconds: 0.0,
        repetitions: 1,
        peers: Vec::new(),
        program: program.into(),
        arguments: vec!["bench".into(), "relay".into()],
    };
    match measure(&Contest { plan, other: PathBuf::from(other), lives, turns }) {
        Ok(other) if other.high <= LIMIT => ExitCode::SUCCESS,
        Ok(_) => {
            println!("not shown to be within {LIMIT}");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("from_c: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(contest: &Contest) -> Result<Estimate, Error> {
    println!("{} lives of {} turns each; 200 receivers by UDP", contest.lives, contest.turns);
    println!("{:>9} {:>7} {:>8} {:>5}", "engine ns", "C", "control", "lost");
    let lives = compare(contest, &mut |life| {
        let Life { cpu_ns, other, control, lost } = life;
        println!("{cpu_ns:>9.0} {other:>7.3} {control:>8.3} {lost:>5}");
    })?;
    let estimate =
        |figure: fn(&Life) -> f64| Estimate::of(&lives.iter().map(figure).collect::<Vec<_>>());
    let (other, control) = (estimate(|life| life.other), estimate(|life| life.control));
    for (name, Estimate { mean, low, high }) in [("C", other), ("the engine once more", control)] {
        println!("{name}: {mean:.3} times the engine, 95 % {low:.3} to {high:.3}");
    }
    Ok(other)
}
