//! What `stacks/` and the `Dockerfile` say agrees with the service: tests alone.

use std::fs;
use std::path::Path;
use std::str::FromStr;

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    fs::read_to_string(root.join(path)).expect(path)
}

fn stack() -> String {
    read("stacks/f1-streams/main.tf")
}

/// What stands between the first `from` and the next `to`.
fn between<'t>(text: &'t str, from: &str, to: &str) -> &'t str {
    let (_, rest) = text.split_once(from).expect(from);
    rest.split_once(to).expect(to).0
}

/// The networks in quotes.
fn networks(text: &str) -> Vec<&str> {
    let quoted = text.split('"').skip(1).step_by(2);
    quoted.filter(|word| word.contains('/')).collect()
}

/// The first number behind `name`.
fn number<T: FromStr>(text: &str, name: &str) -> T {
    let (_, rest) = text.split_once(name).expect(name);
    let digits = rest.trim_start_matches(|c: char| !c.is_ascii_digit());
    let end = digits.find(|c: char| !c.is_ascii_digit());
    let digits = &digits[..end.unwrap_or(digits.len())];
    digits.parse().ok().expect(name)
}

/// Whether one is inside of 2000::/3, which is all of IPv6 that is let through.
fn is_global(network: &str) -> bool {
    let (address, _) = network.split_once('/').expect("a network");
    let address: std::net::Ipv6Addr = address.parse().expect("an address");
    address.segments()[0] >> 13 == 1
}

#[test]
fn the_network_policy_denies_what_the_guard_denies() {
    let (guard, stack) = (read("host/src/net/address.rs"), stack());
    let denied = networks(between(&guard, "const DENIED", "];"));
    let (v6, v4): (Vec<&str>, Vec<&str>) = denied.iter().partition(|one| one.contains(':'));
    assert!(v4.len() > 10 && v6.len() > 10, "{denied:?}");
    let policy = |name: &str| networks(between(&stack, name, "]"));
    assert_eq!(policy("denied_ipv4 = ["), v4);
    let global: Vec<_> = v6.into_iter().filter(|one| is_global(one)).collect();
    assert_eq!(policy("denied_ipv6 = ["), global);
    // And they are what is excepted, from the internet and no less.
    let excepted = |cidr: &str| {
        let block = between(&stack, &format!("cidr   = \"{cidr}\""), "}");
        block.trim().to_owned()
    };
    assert_eq!(excepted("0.0.0.0/0"), "except = local.denied_ipv4");
    assert_eq!(excepted("2000::/3"), "except = local.denied_ipv6");
    assert_eq!(stack.matches("0.0.0.0/0").count(), 1);
    assert!(!stack.contains("\"::/0\""));
    assert!(stack.contains(r#"policy_types = ["Ingress", "Egress"]"#));
}

#[test]
fn ports_are_those_of_the_service() {
    let variables = read("stacks/f1-streams/variables.tf");
    let (_, variable) = variables
        .split_once("variable \"ports\"")
        .expect("the variable");
    let (_, default) = variable.split_once("default     = ").expect("a default");
    let defaults = read("host/src/config/defaults.toml");
    let (_, net) = defaults.split_once("\n[net]").expect("[net]");
    let (_, of_the_service) = net.split_once("\nports = ").expect("ports");
    let ports = |text: &str| between(text, "[", "]").to_owned();
    assert_eq!(ports(default), ports(of_the_service));
    assert!(stack().contains("ports           = ${jsonencode(var.ports)}"));
}

#[test]
fn the_pod_may_do_nothing_that_the_service_does_not_need() {
    let stack = stack();
    for line in [
        "\"pod-security.kubernetes.io/enforce\" = \"restricted\"",
        "automount_service_account_token = false",
        "enable_service_links            = false",
        "run_as_non_root        = true",
        "allow_privilege_escalation = false",
        "read_only_root_filesystem  = true",
        "drop = [\"ALL\"]",
        "type = \"RuntimeDefault\"",
        "limits   = { memory = var.memory_limit }",
    ] {
        assert!(stack.contains(line), "{line}");
    }
    // No directory of the node's without a bound.
    let directories = stack.matches("empty_dir {").count();
    assert_eq!(stack.matches("size_limit = ").count(), directories);
}

#[test]
fn the_pod_has_longer_than_the_drain() {
    let defaults = read("host/src/config/defaults.toml");
    let drain: u64 = number(&defaults, "\ndrain = ");
    let grace: u64 = number(&stack(), "termination_grace_period_seconds");
    assert!(grace >= drain + 10, "{grace} s for a drain of {drain} s");
    // The stack sets none of its own.
    let sets = |line: &str| line.trim_start().starts_with("drain");
    assert!(!stack().lines().any(sets));
}

#[test]
fn the_image_is_built_from_locked_dependencies_and_runs_as_nobody() {
    let file = read("Dockerfile");
    let commands = |what: &str| -> Vec<String> {
        let lines = file.lines().filter(|line| !line.starts_with('#'));
        let lines = lines.filter(|line| line.contains(what));
        lines.map(str::to_owned).collect()
    };
    for line in [commands("cargo build"), commands("cargo run")].concat() {
        assert!(line.contains("--locked"), "{line}");
    }
    assert!(commands("npm install").is_empty());
    assert_eq!(commands("npm ci").len(), 1);
    let user: u64 = number(&stack(), "user = ");
    assert_eq!(commands("USER "), [format!("USER {user}:{user}")]);
    let last = commands("FROM ").pop().expect("a stage");
    assert!(
        last.contains("distroless") && last.ends_with(":nonroot"),
        "{last}"
    );
}
