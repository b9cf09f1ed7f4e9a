//! Configuration files of `proxy` and `node`: every key stands for the flag of its name; and the other way round,
//! the file that says what a command line does.
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
use toml::de::DeValue;

use super::file::{Wrong, line, names, table, text_of, unknown};
use super::print::{is_keyed, write};
use crate::failure::Failure;

/// The option that names the file.
const CONFIG: &str = "config";
/// The option that prints one.
const PRINT: &str = "print-config";
/// The subcommands that have it from here.
const COMMANDS: [&str; 2] = ["proxy", "node"];

/// The option that names the file and the one that prints it, for these subcommands.
pub(crate) fn file_arguments() -> [Arg; 2] {
    let file = Arg::new(CONFIG)
        .long(CONFIG)
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .help("Read options from a TOML file, whose keys are the names of the options here");
    let print = Arg::new(PRINT)
        .long(PRINT)
        .action(ArgAction::SetTrue)
        .help("Print the options in use as a configuration file, every option explained, and end");
    [file, print]
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

/// The file that says what a command line does, if that asks for it; or what is wrong with the command line. Options
/// that are needed may be missing.
pub(crate) fn print_if_asked(arguments: &[OsString]) -> Option<Result<String, clap::Error>> {
    let mut lenient = crate::args::Args::command().ignore_errors(true);
    let matches = lenient.try_get_matches_from_mut(arguments).ok()?;
    let (name, given) = matches.subcommand()?;
    if !COMMANDS.contains(&name) || given.subcommand().is_some() || !given.get_flag(PRINT) {
        return None;
    }
    let strict = crate::args::Args::command()
        .mut_subcommand(name, |command| command.mut_args(|argument| argument.required(false)));
    Some(strict.clone().try_get_matches_from(arguments).map(|matches| {
        let (command, given) = (strict.find_subcommand(name), matches.subcommand_matches(name));
        let text = command.zip(given).map(|(command, given)| print(command, given));
        text.unwrap_or_default()
    }))
}

fn print(command: &Command, given: &ArgMatches) -> String {
    write(command, &names(command), |argument| value(argument, given))
}

/// The value of an option as it stands in a file; `None`: it has none.
fn value(argument: &Arg, given: &ArgMatches) -> Option<Value> {
    let id = argument.get_id().as_str();
    given.value_source(id)?;
    if matches!(argument.get_action(), ArgAction::SetTrue) {
        return given.get_flag(id).then_some(Value::Boolean(true));
    }
    let texts: Vec<String> =
        given.get_raw(id)?.map(|text| text.to_string_lossy().into_owned()).collect();
    if is_keyed(argument) {
        let pairs = texts.iter().filter_map(|text| text.split_once('='));
        let table = pairs.map(|(name, value)| (name.to_owned(), Value::from(value)));
        return Some(Value::Table(table.collect()));
    }
    if matches!(argument.get_action(), ArgAction::Append) {
        return Some(Value::Array(texts.iter().map(|text| typed(text)).collect()));
    }
    texts.first().map(|text| typed(text))
}

/// A number or a truth where that says the same as the text.
fn typed(text: &str) -> Value {
    let number = text.parse::<i64>().ok().filter(|number| number.to_string() == text);
    let truth = || text.parse::<bool>().ok().map(Value::Boolean);
    number.map(Value::Integer).or_else(truth).unwrap_or_else(|| Value::from(text))
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
    for (key, value) in table.get_ref() {
        let (name, value): (&str, _) = (key.get_ref(), value.get_ref());
        let wrong = |why| (line(text, key.span().start), why);
        let is_known = known.iter().any(|known| known == name);
        let mut arguments = command.get_arguments().filter(|_| is_known);
        let argument = arguments.find(|argument| argument.get_long() == Some(name));
        let argument = argument.ok_or_else(|| wrong(unknown(name, &known, command.get_name())))?;
        let mut all = written(argument, value).map_err(|why| wrong(format!("`{name}` {why}")))?;
        if is_given(argument) && is_keyed(argument) {
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
            ArgAction::SetTrue => format!("--{name}").into(),
            _ => OsString::from(format!("--{name}={value}")),
        }));
    }
    Ok(flags)
}

/// The values of an option as they are written on the command line; or why it cannot have this one.
fn written(argument: &Arg, value: &DeValue<'_>) -> Result<Vec<String>, String> {
    let is_keyed = is_keyed(argument);
    let several = matches!(argument.get_action(), ArgAction::Append);
    match (argument.get_action(), value) {
        (ArgAction::SetTrue, DeValue::Boolean(true)) => Ok(vec![String::new()]),
        (ArgAction::SetTrue, DeValue::Boolean(false)) => Ok(Vec::new()),
        (ArgAction::SetTrue, _) => Err("is true or false".into()),
        (_, DeValue::Table(table)) if is_keyed => {
            let pairs = table.iter().map(|(name, value)| (name.get_ref(), value.get_ref()));
            pairs.map(|(name, value)| Ok(format!("{name}={}", scalar(value)?))).collect()
        }
        _ if is_keyed => Err("is a table".into()),
        (_, DeValue::Array(values)) if several => {
            values.iter().map(|value| scalar(value.get_ref())).collect()
        }
        (_, value) => Ok(vec![scalar(value)?]),
    }
}

fn scalar(value: &DeValue<'_>) -> Result<String, String> {
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map(|number| number.to_string())
            .map_err(|_| "is too large".into()),
        DeValue::Boolean(flag) => Ok(flag.to_string()),
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
            ("zzz = 1", 1, "`rillcast node --print-config` shows those there are"),
            ("capacity = 99999999999999999999", 1, "`capacity` is too large"),
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

    /// The file that a command line prints.
    fn printed(line: &str) -> Result<String, String> {
        let arguments = ["rillcast"].into_iter().chain(line.split(' '));
        let arguments: Vec<OsString> = arguments.map(OsString::from).collect();
        print_if_asked(&arguments).unwrap().map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_printed_says_the_same() {
        for (line, said) in [
            ("node", "proxy = [\"127.0.0.1:8500\"]"),
            ("node", "#user = NAME"),
            ("node --proxy a:1 --proxy b:2 --user 007 --tls", "proxy = [\"a:1\", \"b:2\"]"),
            ("node --user 007 --capacity 3", "user = \"007\""),
            ("node --capacity 3 --insecure", "capacity = 3"),
            ("proxy", "#[channel]\n#\"NAME\" = \"URL\""),
            ("proxy --channel live=rtsp://a/live?x=y", "[channel]\nlive = \"rtsp://a/live?x=y\""),
        ] {
            let text = printed(&format!("{line} --print-config")).unwrap();
            assert!(format!("\n{text}").contains(&format!("\n{said}")), "{said}: {text}");
            // A command line that names this file prints it.
            let command = line.split(' ').next().unwrap();
            let again = expanded(command, &text).unwrap().split_off(1).join(" ");
            assert_eq!(printed(&format!("{again} --print-config")).unwrap(), text);
        }
        // Every option is there, and is explained.
        for command in COMMANDS {
            let text = printed(&format!("{command} --print-config")).unwrap();
            let commands = Args::command();
            for name in names(commands.find_subcommand(command).unwrap()) {
                let stands = |line: &str| {
                    let line = line.trim_start_matches('#');
                    line.starts_with(&format!("{name} = ")) || line == format!("[{name}]")
                };
                assert!(text.lines().any(stands), "{name}: {text}");
            }
        }
        assert!(printed("node --print-config --capacity x").is_err());
    }

    #[test]
    fn nobody_else_prints() {
        for line in ["rillcast node", "rillcast proxy user list", "rillcast serve --print-config"] {
            let arguments: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            assert!(print_if_asked(&arguments).is_none(), "{line}");
        }
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
