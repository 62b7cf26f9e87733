//! `openssl s_client`: a handshake by its arguments, and its output as facts.

use anyhow::{Context, Result, ensure};

use super::certificates::NAME;
use super::facts::Facts;
use super::world::World;

/// What it says of a handshake with `port`. `more`: further arguments.
pub(crate) fn told(world: &World, port: u16, alpn: &str, more: &[&str]) -> Result<Facts> {
    let connect = format!("{}:{port}", super::world::SERVER);
    let ca = world.path("ca.pem");
    let mut arguments =
        vec!["s_client", "-connect", &connect, "-servername", NAME, "-verify_hostname", NAME, "-CAfile", &ca];
    arguments.extend(["-no-CApath", "-no-CAstore", "-showcerts", "-status", "-nameopt", "RFC2253"]);
    if !alpn.is_empty() {
        arguments.extend(["-alpn", alpn]);
    }
    arguments.extend(more);
    let output = world.run("openssl", &arguments)?;
    read(world, &output).with_context(|| output)
}

fn read(world: &World, output: &str) -> Result<Facts> {
    let mut facts = Facts::new();
    let after = |start: &str| output.lines().find_map(|line| line.trim().strip_prefix(start)).map(str::trim);
    // `New, TLSv1.3, Cipher is TLS_AES_256_GCM_SHA384`
    let new = after("New, ").context("no session")?;
    let (_, suite) = new.split_once(", Cipher is ").context("no cipher")?;
    // Of TLS 1.2 the line names the oldest version that has the suite.
    let version = after("Protocol  :").or_else(|| new.split(',').next()).context("no version")?;
    facts.insert("version".to_owned(), version.to_owned());
    facts.insert("cipher".to_owned(), registered(world, suite)?);
    facts.insert("alpn".to_owned(), after("ALPN protocol:").unwrap_or("none").to_owned());
    let asked = after("Requested Signature Algorithms:").is_some();
    facts.insert("client certificate asked for".to_owned(), asked.to_string());
    facts.insert("client certificate authorities".to_owned(), authorities(output).join("; "));
    facts.insert("group".to_owned(), group(after("Server Temp Key:").context("no key exchange")?)?.to_owned());
    facts.insert("staple".to_owned(), after("Cert Status:").unwrap_or("none").to_owned());
    for (name, label) in [("staple this update", "This Update:"), ("staple next update", "Next Update:")] {
        if let Some(at) = after(label) {
            facts.insert(name.to_owned(), at.split_whitespace().collect::<Vec<_>>().join(" "));
        }
    }
    let code = after("Verify return code:").context("no verification")?;
    facts.insert("verification".to_owned(), verification(code)?.to_owned());
    // A staple may bring certificates of its own, before the chain.
    let (_, presented) = output.split_once("\nCertificate chain\n").context("no chain")?;
    let blocks = presented.split("-----BEGIN CERTIFICATE-----").skip(1);
    // The server's own is repeated at the end.
    let chain = output.matches("\n   i:").count();
    ensure!(chain > 0, "no certificate");
    facts.insert("certificates".to_owned(), chain.to_string());
    for (depth, block) in blocks.take(chain).enumerate() {
        let (body, _) = block.split_once("-----END CERTIFICATE-----").context("half a certificate")?;
        let pem = format!("-----BEGIN CERTIFICATE-----{body}-----END CERTIFICATE-----\n");
        certificate(world, depth, &pem, &mut facts)?;
    }
    Ok(facts)
}

/// The names below `Acceptable client certificate CA names`.
fn authorities(output: &str) -> Vec<&str> {
    let below = output.lines().skip_while(|line| !line.starts_with("Acceptable client certificate CA names")).skip(1);
    below.take_while(|line| line.contains('=') && !line.contains(':')).collect()
}

/// `X25519, 253 bits`, `ECDH, secp384r1, 384 bits`.
fn group(key: &str) -> Result<&str> {
    Ok(match key.split(", ").collect::<Vec<_>>()[..] {
        ["ECDH", "prime256v1", _] => "secp256r1",
        ["ECDH", curve, _] => curve,
        [group, _] => group,
        _ => anyhow::bail!("a key exchange that this test does not know: {key}"),
    })
}

/// `X509_V_ERR_*` (openssl-verify(1)) in sonde's words.
fn verification(code: &str) -> Result<&'static str> {
    Ok(match code.split(' ').next().unwrap_or_default() {
        "0" => "accepted",
        "9" => "not yet valid",
        "10" => "expired",
        "18" => "self-signed",
        // One without its issuer; then also with the issuer's own root at the end.
        "19" | "20" | "21" => "unknown issuer",
        "62" => "name mismatch",
        _ => anyhow::bail!("a verification that this test does not know: {code}"),
    })
}

/// The IANA name of a suite.
fn registered(world: &World, suite: &str) -> Result<String> {
    if suite.starts_with("TLS_") {
        return Ok(suite.to_owned());
    }
    let list = world.run("openssl", &["ciphers", "-stdname", "ALL"])?;
    let found = list.lines().find_map(|line| {
        let (iana, rest) = line.split_once(" - ")?;
        (rest.split_whitespace().next() == Some(suite)).then(|| iana.trim().to_owned())
    });
    found.with_context(|| format!("{suite} has no IANA name"))
}

fn certificate(world: &World, depth: usize, pem: &str, facts: &mut Facts) -> Result<()> {
    let file = world.path("presented.pem");
    std::fs::write(&file, pem)?;
    let text = world.run(
        "openssl",
        &[
            "x509",
            "-in",
            &file,
            "-noout",
            "-text",
            "-nameopt",
            "RFC2253",
            "-dateopt",
            "iso_8601",
            "-fingerprint",
            "-sha256",
            "-serial",
            "-startdate",
            "-enddate",
        ],
    )?;
    let after = |start: &str| text.lines().find_map(|line| line.trim().strip_prefix(start)).map(str::trim);
    let mut put = |name: &str, value: String| facts.insert(format!("certificate {depth} {name}"), value);
    put("subject", after("Subject:").context("no subject")?.to_owned());
    put("issuer", after("Issuer:").context("no issuer")?.to_owned());
    put("serial", hex(after("serial=").context("no serial")?));
    put("not before", moment(after("notBefore=").context("no begin")?));
    put("not after", moment(after("notAfter=").context("no end")?));
    put("sha256", hex(after("sha256 Fingerprint=").context("no fingerprint")?));
    put("signature", after("Signature Algorithm:").context("no signature")?.to_ascii_lowercase());
    let bits = after("Public-Key: (").and_then(|rest| rest.strip_suffix(" bit)")).unwrap_or_default();
    put(
        "key",
        match after("Public Key Algorithm:").context("no key")? {
            "id-ecPublicKey" => format!("EC {}", after("NIST CURVE:").context("no curve")?),
            "rsaEncryption" => format!("RSA {bits}"),
            "ED25519" => "Ed25519".to_owned(),
            other => other.to_owned(),
        },
    );
    put("ca", text.contains("CA:TRUE").to_string());
    let lines: Vec<&str> = text.lines().collect();
    let names = lines.iter().position(|line| line.contains("X509v3 Subject Alternative Name"));
    let names = names.and_then(|at| lines.get(at + 1)).map_or("", |line| line.trim());
    let all = |kind: &str| {
        let some = names.split(", ").filter_map(|name| name.strip_prefix(kind));
        some.collect::<Vec<_>>().join(" ")
    };
    put("dns names", all("DNS:"));
    put("addresses", all("IP Address:"));
    Ok(())
}

/// `0A:1B` and `0A1B` as sonde writes them.
fn hex(text: &str) -> String {
    text.replace(':', "").to_ascii_lowercase()
}

/// `2024-02-03 00:00:00Z` as protobuf writes it.
fn moment(text: &str) -> String {
    text.replace(' ', "T")
}
