//! The built-in check `sysctl`: do the kernel's settings still say what a baseline wants? It names no cause.

mod baseline;
mod verdict;

use sonde_sdk::prelude::*;

/// The check.
struct SysctlCheck;

impl Check for SysctlCheck {
    fn describe() -> Manifest {
        Manifest::new(
            "sysctl",
            env!("CARGO_PKG_VERSION"),
            "Compares the kernel's settings with a baseline in the format of sysctl.conf(5).",
        )
        .serving([TargetKind::Host])
        .calling(["system"])
        .taking(Parameter::new(
            "baseline",
            ParameterType::Text,
            "the settings that are wanted, NAME = VALUE lines; with the CLI baseline=@/etc/sysctl.d/90-net.conf",
        ))
        .costing(CostClass::Heavy)
    }

    async fn run(_: Target, arguments: Arguments, _: Budget) -> Result<Outcome, String> {
        let wanted = baseline::parse(&arguments.required::<String>("baseline")?)?;
        let names: Vec<String> =
            wanted.iter().filter(|wanted| wanted.is_served()).map(|wanted| wanted.name.clone()).collect();
        let answers = wait::all(names.chunks(ASKED_AT_ONCE).map(|names| system::sysctls(names.to_vec()))).await;
        Ok(verdict::judge(&wanted, &answers))
    }
}

/// As many names as the host takes.
const ASKED_AT_ONCE: usize = 256;

sonde_sdk::export!(SysctlCheck);
