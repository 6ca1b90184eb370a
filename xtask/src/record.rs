//! `record`: a new case of a plugin, from its site or from the bundle of a run
//! that failed.

use std::path::{Path, PathBuf};

use anyhow::ensure;
use xshell::cmd;

use crate::build_plugins::{self, Which};
use crate::test_plugins::program;
use crate::toolchain::Toolchain;
use crate::workspace::Workspace;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The plugin.
    key: String,
    /// What the case is called: a directory in plugins/KEY/tests.
    case: String,
    /// The site to ask [default: plugins/KEY/site.toml].
    #[arg(long, value_name = "FILE", conflicts_with = "from")]
    site: Option<PathBuf>,
    /// A bundle from the service's diagnostics.
    #[arg(long, value_name = "BUNDLE")]
    from: Option<PathBuf>,
    /// The service's configuration, for what its `net` section allows.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(crate) fn run(
    workspace: &Workspace,
    toolchain: Option<Toolchain>,
    arguments: Arguments,
) -> anyhow::Result<()> {
    let Arguments {
        key,
        case,
        site,
        from,
        config,
    } = arguments;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    ensure!(
        !case.is_empty() && case.chars().all(plain),
        "a case's name is letters, digits, - and _"
    );
    build_plugins::run(workspace, toolchain, Which::One(&key))?;
    let program = program(workspace)?;
    let plugin = workspace.select(Some(&key))?[0];
    let (file, case) = (workspace.component(&key), plugin.cases.join(case));
    let here = std::env::current_dir()?;
    let absolute = |path: &Path| here.join(path);
    let source = match (&from, &site) {
        (Some(bundle), _) => ["--from".into(), absolute(bundle)],
        (None, Some(site)) => ["--site".into(), absolute(site)],
        (None, None) => {
            let site = plugin.dir.join("site.toml");
            [PathBuf::from("--site"), site]
        }
    };
    let config = config.map(|path| ["--config".into(), absolute(&path)]);
    let config = config.iter().flatten();
    let sh = workspace.shell()?;
    cmd!(sh, "{program} record {file} {case} {source...} {config...}")
        .quiet()
        .run()?;
    Ok(())
}
