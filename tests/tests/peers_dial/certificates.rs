//! The certificates of the servers: a root, an intermediate, and leaves with each fault.

use std::net::IpAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P384_SHA384,
    SanType, date_time_ymd,
};
use sonde_tests::process::run;

/// The name in the certificates.
pub(crate) const NAME: &str = "shop.peers.example";

/// Writes `ca.pem` (what clients trust), `clients.pem` (whose clients servers ask for), and for each kind `KIND.pem` (the chain to present),
/// `KIND-above.pem` (the same without the leaf) and `KIND.key`.
pub(crate) fn write(dir: &Path, address: IpAddr) -> Result<()> {
    let root = authority("Peers Root", None)?;
    let intermediate = authority("Peers Issuing", Some(&root.issuer))?;
    let unknown = authority("Somebody Else's Root", None)?;
    let clients = authority("Peers Clients, East", None)?;
    std::fs::write(dir.join("ca.pem"), &root.pem)?;
    std::fs::write(dir.join("clients.pem"), clients.pem)?;
    std::fs::write(dir.join("issuing.pem"), &intermediate.pem)?;
    std::fs::write(dir.join("issuing.key"), intermediate.issuer.key().serialize_pem())?;
    let leaf = |kind: &str,
                name: &str,
                years: (i32, i32),
                key: KeyPair,
                issuer: Option<&Issuer<'_, KeyPair>>,
                above: &str|
     -> Result<()> {
        let mut params = CertificateParams::new(vec![name.to_owned(), format!("*.{name}")])?;
        params.subject_alt_names.push(SanType::IpAddress(address));
        params.distinguished_name.push(DnType::CountryName, "NL");
        params.distinguished_name.push(DnType::OrganizationName, "Peers, Inc.");
        params.distinguished_name.push(DnType::CommonName, name);
        (params.not_before, params.not_after) = (date_time_ymd(years.0, 2, 3), date_time_ymd(years.1, 4, 5));
        let certificate = match issuer {
            Some(issuer) => params.signed_by(&key, issuer)?,
            None => params.self_signed(&key)?,
        };
        std::fs::write(dir.join(format!("{kind}.pem")), certificate.pem() + above)?;
        std::fs::write(dir.join(format!("{kind}-above.pem")), above)?;
        Ok(std::fs::write(dir.join(format!("{kind}.key")), key.serialize_pem())?)
    };
    let (issuer, above) = (Some(&intermediate.issuer), intermediate.pem.as_str());
    leaf("good", NAME, (2024, 2090), KeyPair::generate()?, issuer, above)?;
    leaf("p384", NAME, (2023, 2089), KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384)?, issuer, above)?;
    leaf("edwards", NAME, (2022, 2088), generated(dir, &["ed25519"])?, issuer, above)?;
    leaf("expired", NAME, (2020, 2022), KeyPair::generate()?, issuer, above)?;
    leaf("future", NAME, (2080, 2090), KeyPair::generate()?, issuer, above)?;
    leaf("other", "other.peers.example", (2024, 2090), KeyPair::generate()?, issuer, above)?;
    leaf("incomplete", NAME, (2024, 2090), KeyPair::generate()?, issuer, "")?;
    leaf("unknown", NAME, (2024, 2090), KeyPair::generate()?, Some(&unknown.issuer), &unknown.pem)?;
    leaf("selfsigned", NAME, (2024, 2090), generated(dir, &["rsa", "-pkeyopt", "rsa_keygen_bits:2048"])?, None, "")?;
    staple(dir)
}

/// Writes `staple.der`: its issuer says that the leaf of kind `good` is not revoked.
fn staple(dir: &Path) -> Result<()> {
    let script = "serial=$(openssl x509 -in good.pem -noout -serial) && \
        printf 'V\\t900405000000Z\\t\\t%s\\tunknown\\t/CN=good\\n' \"${serial#serial=}\" > index && \
        openssl ocsp -index index -CA issuing.pem -rsigner issuing.pem -rkey issuing.key -issuer issuing.pem -cert good.pem \
            -ndays 7 -respout staple.der && test -s staple.der";
    let output = run(Command::new("sh").args(["-c", script]).current_dir(dir), Duration::from_secs(20))?;
    ensure!(output.status.success(), "staple: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// A key in the form that OpenSSL writes: rcgen's own of these kinds is one that OpenSSL 3.0 does not read, or none.
fn generated(dir: &Path, algorithm: &[&str]) -> Result<KeyPair> {
    let file = dir.join("generated.key");
    let mut command = Command::new("openssl");
    command.args(["genpkey", "-out"]).arg(&file).arg("-algorithm").args(algorithm);
    let output = run(&mut command, Duration::from_secs(20))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(KeyPair::from_pem(&std::fs::read_to_string(file)?)?)
}

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

fn authority(name: &str, above: Option<&Issuer<'_, KeyPair>>) -> Result<Authority> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 2), date_time_ymd(2095, 3, 4));
    let key = KeyPair::generate()?;
    let certificate = match above {
        Some(issuer) => params.signed_by(&key, issuer)?,
        None => params.self_signed(&key)?,
    };
    Ok(Authority { pem: certificate.pem(), issuer: Issuer::new(params, key) })
}
