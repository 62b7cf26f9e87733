//! A check that misbehaves: each mode is one attack that the host must contain, and `good` is the one that behaves.
use std::hint::black_box;
use std::io::Write as _;
use std::time::Duration;

use sonde_sdk::prelude::*;

struct Hostile;

impl Check for Hostile {
    fn describe() -> Manifest {
        Manifest::new("hostile", env!("CARGO_PKG_VERSION"), "Misbehaves.")
            .serving([TargetKind::Tcp, TargetKind::Listener, TargetKind::Host])
            .calling(["dial", "system"])
            .taking(Parameter::new("mode", ParameterType::Text, "What to do.").with_default("good"))
    }

    async fn run(target: Target, arguments: Arguments, budget: Budget) -> Result<Outcome, String> {
        let mode: String = arguments.required("mode")?;
        match mode.as_str() {
            "good" => good(&target).await,
            // Three that only cost something, for the benchmark.
            "idle" => Ok(Outcome::works("idle")),
            "calls" => calls().await,
            "now" => Ok(Outcome::works((0..100_000).map(|_| timer::now().subsec_nanos() & 1).sum::<u32>().to_string())),
            "spin" => spin(),
            "panic" => panic!("on purpose"),
            "stderr" => {
                std::io::stderr()
                    .write_all("lines and lines ".repeat(100_000).as_bytes())
                    .map_err(|error| error.to_string())?;
                std::process::abort()
            }
            "exit" => std::process::exit(3),
            "recurse" => Ok(Outcome::works(recurse(1).to_string())),
            "memory" => Ok(Outcome::works(eat().to_string())),
            "flood-calls" => flood_calls().await,
            "flood-starts" => flood_starts().await,
            "cancel-loop" => cancel_loop().await,
            "flood-logs" => loop {
                log::info("all work and no play");
            },
            "some-logs" => {
                (0..300).for_each(|line| log::info(&format!("line {line}\u{1b}[2J")));
                Ok(Outcome::works("logged"))
            }
            "never" => {
                std::future::pending::<()>().await;
                Err("pending ended".to_owned())
            }
            "sleep" => {
                timer::sleep(Duration::from_hours(1)).await;
                Err("an hour went by".to_owned())
            }
            "block" => {
                std::thread::sleep(Duration::from_hours(1));
                Err("an hour went by".to_owned())
            }
            "return-much" => Ok(Outcome::works("a".repeat(50 << 20))),
            "return-100-megabytes" => Ok(Outcome::works("a".repeat(100 << 20))),
            "return-some" => Ok(Outcome::works("\u{1b}]0;pwned\u{7}".repeat(10_000))),
            "escape" => Ok(Outcome::works(escape())),
            "many-waits" => many_waits().await,
            "forge" => Ok(Outcome::works(forge().await)),
            "denied" => Ok(Outcome::works(denied(&target).await)),
            "hang" => hang(&target, budget).await,
            "lose-a-race" => lose_a_race(&target).await,
            "nonsense" => Ok(Outcome::works(nonsense().await)),
            other => Err(format!("unknown mode {other:?}")),
        }
    }
}

/// Cites a host call of its own.
async fn good(target: &Target) -> Result<Outcome, String> {
    let clock = system::clock().await;
    timer::sleep(Duration::from_millis(20)).await;
    let taken = finding::supports("vendor.hostile.none")
        .about(&target.text)
        .because("it is there")
        .citing([clock.evidence])
        .report();
    if taken { Ok(Outcome::works("behaved")) } else { Err("the finding was rejected".to_owned()) }
}

/// A thousand host calls that read something short, one after the other.
async fn calls() -> Result<Outcome, String> {
    for _ in 0..1000 {
        black_box(system::clock().await);
    }
    Ok(Outcome::works("called"))
}

#[expect(clippy::empty_loop, reason = "that is the attack")]
fn spin() -> ! {
    loop {}
}

fn recurse(depth: u64) -> u64 {
    if depth == 0 { 0 } else { black_box(recurse(depth + 1)) + 1 }
}

fn eat() -> usize {
    let mut all = Vec::new();
    loop {
        all.push(black_box(vec![1_u8; 1 << 20]));
        if all.len() > 1 << 20 {
            return all.len();
        }
    }
}

/// Calls, one after the other, and takes no notice of the answers.
async fn flood_calls() -> Result<Outcome, String> {
    loop {
        black_box(system::clock().await);
    }
}

/// Starts calls, and waits for none.
async fn flood_starts() -> Result<Outcome, String> {
    let calls: Vec<_> = (0..1000).map(|_| timer::sleep(Duration::from_hours(1))).collect();
    wait::all(calls).await;
    Ok(Outcome::works("slept"))
}

/// Starts calls, and drops each at once.
async fn cancel_loop() -> Result<Outcome, String> {
    loop {
        black_box(wait::at_most(Duration::ZERO, system::clock()).await);
    }
}

/// Waits often and computes little: must not be taken for one that computes.
async fn many_waits() -> Result<Outcome, String> {
    for _ in 0..100 {
        timer::sleep(Duration::from_millis(11)).await;
    }
    Ok(Outcome::works("waited"))
}

/// What WASI lets it have.
fn escape() -> String {
    let environment = std::env::vars().count() + std::env::args().count();
    let file = std::fs::read("/etc/passwd").is_ok() || std::fs::read_dir("/").is_ok() || std::fs::read(".").is_ok();
    let tcp = std::net::TcpStream::connect("127.0.0.1:1").map_err(|error| error.kind());
    let listening = std::net::TcpListener::bind("127.0.0.1:0").is_ok();
    let udp = std::net::UdpSocket::bind("127.0.0.1:0").is_ok();
    let name = std::net::ToSocketAddrs::to_socket_addrs("localhost:1").is_ok();
    format!("environment {environment} file {file} tcp {tcp:?} listening {listening} udp {udp} name {name}")
}

/// Findings that must not be taken; says how many were.
async fn forge() -> String {
    let evidence = system::clock().await.evidence;
    let finding = |cause: &str, evidence: Vec<EvidenceId>, summary: String| report::Finding {
        stance: report::Stance::Supports,
        cause: cause.to_owned(),
        strength: report::Strength::Proof,
        subject: String::new(),
        summary,
        evidence,
        measures: vec![Measure { name: "nan".to_owned(), value: f64::NAN, unit: "1".to_owned() }],
    };
    let forged = [
        finding("tcp.port_closed", vec![evidence ^ 1], String::new()),
        finding("tcp.port_closed", vec![0], String::new()),
        finding("tcp.port_closed", vec![], String::new()),
        finding("tcp.no_such_cause", vec![evidence], String::new()),
        finding("vendor", vec![evidence], String::new()),
        finding("tcp.port_closed", vec![evidence], "a".repeat(1 << 20)),
        finding("tcp.port_closed", vec![evidence; 10_000], String::new()),
    ];
    let taken = forged.iter().filter(|finding| report::report(finding).is_ok()).count();
    let honest = report::report(&finding("tcp.port_closed", vec![evidence], "\u{1b}[31mred".to_owned())).is_ok();
    format!("forged {taken} honest {honest}")
}

/// Dials what was never granted.
async fn denied(target: &Target) -> String {
    let mut reasons = Vec::new();
    for address in ["192.0.2.7", "::ffff:192.0.2.7", "169.254.169.254"] {
        let endpoint = Endpoint::new(address, target.port.unwrap_or(1));
        let dial = dial::tcp(dial::TcpRequest::to(endpoint).within(Duration::from_millis(100))).await;
        reasons.push(matches!(dial.outcome, Err(Failure { reason: Reason::Denied(_), .. })) && dial.evidence != 0);
    }
    format!("denied {reasons:?}")
}

/// Arguments that make no sense.
async fn nonsense() -> String {
    let mut rejected = Vec::new();
    for (address, port, timeout) in
        [("nowhere", 1, 1), ("127.0.0.1", 0, 1), ("127.0.0.1", 1, 0), ("127.0.0.1%lo", 1, 1)]
    {
        let dial =
            dial::tcp(dial::TcpRequest { timeout_us: timeout, ..dial::TcpRequest::to(Endpoint::new(address, port)) });
        rejected.push(matches!(dial.await.outcome, Err(Failure { reason: Reason::InvalidRequest(_), .. })));
    }
    rejected.push(matches!(
        system::route_to("\u{1b}".to_owned()).await.outcome,
        Err(Failure { reason: Reason::InvalidRequest(_), .. })
    ));
    format!("rejected {rejected:?}")
}

/// Waits for a peer that says nothing, longer than the run lasts.
async fn hang(target: &Target, budget: Budget) -> Result<Outcome, String> {
    let Some(endpoint) = target.endpoints().next() else { return Err("no endpoint".to_owned()) };
    let dial = dial::tls(dial::TlsRequest::to(endpoint, "localhost").within(budget.remaining() * 100)).await;
    // Goes on where an honest check would judge.
    black_box(dial);
    timer::sleep(Duration::from_hours(1)).await;
    Err("an hour went by".to_owned())
}

/// Drops a call that is under way.
async fn lose_a_race(target: &Target) -> Result<Outcome, String> {
    let Some(endpoint) = target.endpoints().next() else { return Err("no endpoint".to_owned()) };
    let dial = dial::tls(dial::TlsRequest::to(endpoint, "localhost").within(Duration::from_secs(5)));
    let lost = wait::at_most(Duration::from_millis(100), dial).await.is_none();
    Ok(Outcome::works(format!("lost {lost}")))
}

sonde_sdk::export!(Hostile);
