//! Certificates of a trial: one trusted authority, one unknown, and leaves with each fault.

use std::path::Path;

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, date_time_ymd};

/// Writes `ca.pem` (the trust store) and for each kind of leaf `KIND.pem` (chain) and `KIND.key` into `dir`.
///
/// Kinds: `good`, `expired`, `future`, `othername`, `unknown` (with its authority in the chain), `selfsigned`.
pub fn write(dir: &Path, name: &str) -> Result<()> {
    let (trusted, trusted_pem) = authority("Lab Root")?;
    let (unknown, unknown_pem) = authority("Somebody Else's Root")?;
    std::fs::write(dir.join("ca.pem"), trusted_pem)?;
    let leaf =
        |kind: &str, name: &str, from: i32, to: i32, issuer: Option<&Issuer<'_, KeyPair>>, extra: &str| -> Result<()> {
            let mut params = CertificateParams::new(vec![name.to_owned()])?;
            params.distinguished_name.push(DnType::CommonName, name);
            params.not_before = date_time_ymd(from, 1, 1);
            params.not_after = date_time_ymd(to, 1, 1);
            let key = KeyPair::generate()?;
            let certificate = match issuer {
                Some(issuer) => params.signed_by(&key, issuer)?,
                None => params.self_signed(&key)?,
            };
            std::fs::write(dir.join(format!("{kind}.pem")), certificate.pem() + extra)?;
            std::fs::write(dir.join(format!("{kind}.key")), key.serialize_pem())?;
            Ok(())
        };
    leaf("good", name, 2020, 2090, Some(&trusted), "")?;
    leaf("expired", name, 2020, 2022, Some(&trusted), "")?;
    leaf("future", name, 2080, 2090, Some(&trusted), "")?;
    leaf("othername", "another.example", 2020, 2090, Some(&trusted), "")?;
    leaf("unknown", name, 2020, 2090, Some(&unknown), &unknown_pem)?;
    leaf("selfsigned", name, 2020, 2090, None, "")?;
    Ok(())
}

fn authority(name: &str) -> Result<(Issuer<'static, KeyPair>, String)> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2095, 1, 1);
    let key = KeyPair::generate()?;
    let pem = params.self_signed(&key)?.pem();
    Ok((Issuer::new(params, key), pem))
}
