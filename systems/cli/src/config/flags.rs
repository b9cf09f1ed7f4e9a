//! Configuration files of `proxy` and `node`: every key stands for the flag of its name.
//!
//! What the file says is written behind the command line, which is then read as if it had been given so. So there is
//! one place where options are described and checked. What is on the command line wins: the file's word for the
//! same option, or for one that cannot stand beside it, is left out. Of options that hold several things under
//! names (`--channel NAME=URL`), which are a table in the file, both are put together.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory as _, value_parser};
use toml::Value;

use super::file::{Wrong, lines, names, table, text_of, unknown};
use crate::failure::Failure;

/// The option that names the file.
const CONFIG: &str = "config";
/// The subcommands that have it from here.
const COMMANDS: [&str; 2] = ["proxy", "node"];

/// The option that names the file, for these subcommands.
pub(crate) fn file_argument() -> Arg {
    Arg::new(CONFIG)
        .long(CONFIG)
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .help("Read options from a TOML file, whose keys are the names of the options here")
}

/// The command line, with the contents of the file that it names.
///
/// # Errors
/// When the file cannot be read, is no TOML, or has a key that is no option: with the line.
pub(crate) fn with_file(arguments: Vec<OsString>) -> Result<Vec<OsString>, Failure> {
    // Whether the whole is right is found out when it is whole.
    let mut command = crate::args::Args::command().ignore_errors(true);
    let Ok(matches) = command.try_get_matches_from_mut(&arguments) else { return Ok(arguments) };
    let Some((name, given)) = matches.subcommand() else { return Ok(arguments) };
    if !COMMANDS.contains(&name) || given.subcommand().is_some() {
        return Ok(arguments);
    }
    let Some(file) = given.get_one::<PathBuf>(CONFIG) else { return Ok(arguments) };
    let Some(command) = command.find_subcommand(name) else { return Ok(arguments) };
    let text = text_of(file)?;
    let flags = flags(&text, command, given)
        .map_err(|(line, why)| Failure::usage(format!("{} line {line}: {why}", file.display())))?;
    Ok(arguments.into_iter().chain(flags).collect())
}

/// The flags that a file stands for, beside those that are given.
fn flags(text: &str, command: &Command, given: &ArgMatches) -> Result<Vec<OsString>, Wrong> {
    let table = table(text)?;
    let is_given = |argument: &Arg| {
        given.value_source(argument.get_id().as_str()) == Some(ValueSource::CommandLine)
    };
    let excludes = |one: &Arg, other: &Arg| {
        command.get_arg_conflicts_with(one).iter().any(|found| found.get_id() == other.get_id())
    };
    let known = names(command);
    let mut flags = Vec::new();
    for (key, line) in lines(text)? {
        let argument = command
            .get_arguments()
            .find(|argument| argument.get_long() == Some(&key) && known.contains(&key));
        let help = format!("rillcast {} --help", command.get_name());
        let argument = argument.ok_or_else(|| (line, unknown(&key, &known, &help)))?;
        let Some(value) = table.get(&key) else { continue };
        let mut all = written(argument, value).map_err(|why| (line, format!("`{key}` {why}")))?;
        let is_keyed = matches!(value, Value::Table(_));
        if is_given(argument) && is_keyed {
            let kept = given.get_raw(argument.get_id().as_str()).into_iter().flatten();
            let kept: Vec<_> = kept.filter_map(|kept| kept.to_str()?.split_once('=')).collect();
            all.retain(|one| {
                let name = one.split_once('=').map(|(name, _)| name);
                kept.iter().all(|(kept, _)| Some(*kept) != name)
            });
        } else if is_given(argument) {
            continue;
        }
        let mut others = command.get_arguments().filter(|other| is_given(other));
        if others.any(|other| excludes(argument, other) || excludes(other, argument)) {
            continue;
        }
        flags.extend(all.into_iter().map(|value| match argument.get_action() {
            ArgAction::SetTrue => format!("--{key}").into(),
            _ => OsString::from(format!("--{key}={value}")),
        }));
    }
    Ok(flags)
}

/// The values of an option as they are written on the command line; or why it cannot have this one.
fn written(argument: &Arg, value: &Value) -> Result<Vec<String>, String> {
    let is_keyed = argument
        .get_value_names()
        .is_some_and(|names| names.first().is_some_and(|name| name.contains('=')));
    let several = matches!(argument.get_action(), ArgAction::Append);
    match (argument.get_action(), value) {
        (ArgAction::SetTrue, Value::Boolean(true)) => Ok(vec![String::new()]),
        (ArgAction::SetTrue, Value::Boolean(false)) => Ok(Vec::new()),
        (ArgAction::SetTrue, _) => Err("is true or false".into()),
        (_, Value::Table(table)) if is_keyed => {
            table.iter().map(|(name, value)| Ok(format!("{name}={}", scalar(value)?))).collect()
        }
        _ if is_keyed => Err("is a table".into()),
        (_, Value::Array(values)) if several => values.iter().map(scalar).collect(),
        (_, value) => Ok(vec![scalar(value)?]),
    }
}

fn scalar(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Integer(number) => Ok(number.to_string()),
        Value::Boolean(flag) => Ok(flag.to_string()),
        _ => Err("cannot have a value of this kind".into()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::Args;

    /// What a command line and a file make together.
    fn expanded(line: &str, text: &str) -> Result<Vec<String>, Wrong> {
        let arguments: Vec<&str> = ["rillcast"].into_iter().chain(line.split(' ')).collect();
        let mut command = Args::command().ignore_errors(true);
        let matches = command.try_get_matches_from_mut(&arguments).unwrap();
        let (name, given) = matches.subcommand().unwrap();
        let command = command.find_subcommand(name).unwrap();
        let flags = flags(text, command, given)?;
        let all = arguments.into_iter().map(OsString::from).chain(flags);
        Ok(all.map(|one| one.into_string().unwrap()).collect())
    }

    fn added(line: &str, text: &str) -> Vec<String> {
        expanded(line, text).unwrap().split_off(1 + line.split(' ').count())
    }

    #[test]
    fn a_key_is_the_flag_of_its_name() {
        let text =
            "user = 'alice'\ntls = true\nstats = false\ncapacity = 3\nproxy = ['a:1', 'b:2']";
        let flags = ["--user=alice", "--tls", "--capacity=3", "--proxy=a:1", "--proxy=b:2"];
        let mut found = added("node", text);
        found.sort();
        let mut flags = flags.map(str::to_owned);
        flags.sort();
        assert_eq!(found, flags);
        assert_eq!(added("node", "proxy = 'a:1'"), ["--proxy=a:1"]);
        assert_eq!(added("node", "insecure = true"), ["--insecure=true"]);
    }

    #[test]
    fn the_command_line_wins() {
        assert_eq!(added("node --user bob", "user = 'alice'"), [""; 0]);
        assert_eq!(added("node --proxy c:3", "proxy = ['a:1', 'b:2']"), [""; 0]);
        assert_eq!(added("node --uplink 9000", "capacity = 3"), [""; 0]);
        assert_eq!(
            added("proxy --self-signed", "certificate = 'a'\nmax-capacity = 5"),
            ["--max-capacity=5"]
        );
        let channels = "[channel]\nlive = 'rtsp://a/live'\ntv = 'rtsp://a/tv'";
        assert_eq!(added("proxy", channels).len(), 2);
        let other = "proxy --channel live=rtsp://b/live";
        assert_eq!(added(other, channels), ["--channel=tv=rtsp://a/tv"]);
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        for (text, line, words) in [
            ("user = 'x'\npasword-file = 'x'", 2, "did you mean `password-file`?"),
            ("zzz = 1", 1, "`rillcast node --help` shows those there are"),
            ("config = 'x'", 1, "there is no option `config`"),
            ("json = true", 1, "there is no option `json`"),
            ("\ntls = 'yes'", 2, "`tls` is true or false"),
            ("user = ['a']", 1, "`user` cannot have a value of this kind"),
            ("[user]\na = 1", 1, "`user` cannot have a value of this kind"),
            ("user = ", 1, ""),
        ] {
            let (at, why) = expanded("node", text).unwrap_err();
            assert_eq!((at, why.contains(words)), (line, true), "{text}: {at}: {why}");
        }
        let (_, why) = expanded("proxy", "channel = 'x'").unwrap_err();
        assert_eq!(why, "`channel` is a table");
    }

    /// The examples in docs/omnicast.md are taken as they stand.
    #[test]
    fn the_documentation_is_true() {
        let text = include_str!("../../../../docs/omnicast.md");
        let mut examples =
            text.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
        for command in COMMANDS {
            let line = expanded(command, examples.next().unwrap()).unwrap();
            Args::try_parse_from(line).unwrap();
        }
        assert_eq!(examples.next(), None);
    }

    #[test]
    fn only_these_commands_have_it_from_here() {
        for line in ["serve --config no.toml", "proxy user list", "node --help", "", "node"] {
            let arguments = ["rillcast"].into_iter().chain(line.split_whitespace());
            let arguments: Vec<OsString> = arguments.map(OsString::from).collect();
            assert_eq!(with_file(arguments.clone()), Ok(arguments));
        }
        let missing = ["rillcast", "node", "--config", "/nowhere/x.toml"].map(OsString::from);
        let said = with_file(missing.into()).unwrap_err().to_string();
        assert!(said.contains("/nowhere/x.toml"), "{said}");
    }
}
