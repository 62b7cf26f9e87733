//! What a server chooses from a hello of an older TLS: the version, or the cipher suite, that the two do not share.

use sonde_sdk::dial::{ServerHello, TlsDial, TlsHelloDial};
use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::report::Finding;
use sonde_sdk::types::Endpoint;

use crate::case::{self, Case, End};

/// Judges it; none where the older hello was not answered with a choice that this client cannot make.
pub(super) fn judge(case: &Case, at: &Endpoint, first: &TlsDial) -> Option<Vec<Finding>> {
    let hello = case.hello(&at.address)?;
    let chosen = hello.chosen.as_ref()?;
    if OLD_VERSIONS.contains(&chosen.version.as_str()) {
        return Some(old_version(at, first, hello, chosen));
    }
    let modern = MODERN_SUITES.contains(&chosen.cipher_number);
    let refused = matches!(case::end(first), End::Alert(40 | 71) | End::Closed | End::Reset);
    (!modern && refused).then(|| old_suite(at, first, hello, chosen))
}

fn old_version(at: &Endpoint, first: &TlsDial, hello: &TlsHelloDial, chosen: &ServerHello) -> Vec<Finding> {
    let version = &chosen.version;
    let mut findings = vec![
        supports("tls.version_mismatch")
            .proof()
            .about(at)
            .because(format!("{at} speaks no newer TLS than {version}; clients of today speak 1.2 and 1.3"))
            .citing([first.evidence])
            .build(),
    ];
    let why = format!("to a hello that goes up to TLS 1.2, with suites of every age, it answers with {version}");
    findings.extend(
        ["tls.cipher_mismatch", "fw.dpi_reset"]
            .map(|look_alike| refutes(look_alike).proof().about(at).because(&why).citing([hello.evidence]).build()),
    );
    findings
}

fn old_suite(at: &Endpoint, first: &TlsDial, hello: &TlsHelloDial, chosen: &ServerHello) -> Vec<Finding> {
    let ServerHello { version, cipher, .. } = chosen;
    vec![
        supports("tls.cipher_mismatch")
            .proof()
            .about(at)
            .because(format!("{at} wants {cipher}, which clients of today no longer offer"))
            .citing([first.evidence])
            .build(),
        refutes("tls.version_mismatch")
            .proof()
            .about(at)
            .because(format!("with cipher suites of every age it chooses {version} and {cipher}"))
            .citing([hello.evidence])
            .build(),
    ]
}

/// As OpenSSL names them.
pub(super) const OLD_VERSIONS: [&str; 4] = ["SSLv2", "SSLv3", "TLSv1", "TLSv1.1"];
/// Of TLS 1.2, as this client and browsers offer them: ECDHE with AES-GCM or `ChaCha20`.
pub(super) const MODERN_SUITES: [u16; 6] = [0xc02b, 0xc02c, 0xc02f, 0xc030, 0xcca8, 0xcca9];
