//! Certificates of a trial: a trusted authority, one that is trusted and has expired, an unknown one, and leaves with each fault.

use std::path::Path;

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, date_time_ymd,
};

/// Writes `ca.pem` (the trust store) and for each kind of leaf `KIND.pem` (chain) and `KIND.key` into `dir`.
///
/// Kinds: `good`, `expired`, `future`, `othername`, `unknown` (with its authority in the chain), `selfsigned`, `full` (with its intermediate), `lonely` (without
/// it), `oldmiddle` (with one that has expired), `oldroot` (by the trusted authority that has expired), `muststaple`.
pub fn write(dir: &Path, name: &str) -> Result<()> {
    let (trusted, trusted_pem) = authority("Lab Root", 2095)?;
    let (past, past_pem) = authority("Lab Root of Old", 2022)?;
    let (unknown, unknown_pem) = authority("Somebody Else's Root", 2095)?;
    std::fs::write(dir.join("ca.pem"), trusted_pem + &past_pem)?;
    let (middle, middle_pem) = intermediate("Lab Issuing CA", 2090, &trusted)?;
    let (old, old_pem) = intermediate("Lab Old Issuing CA", 2022, &trusted)?;
    let leaf =
        |kind: &str, name: &str, from: i32, to: i32, issuer: Option<&Issuer<'_, KeyPair>>, extra: &str| -> Result<()> {
            let mut params = CertificateParams::new(vec![name.to_owned()])?;
            params.distinguished_name.push(DnType::CommonName, name);
            params.not_before = date_time_ymd(from, 1, 1);
            params.not_after = date_time_ymd(to, 1, 1);
            if kind == "muststaple" {
                // RFC 7633: status_request.
                params.custom_extensions =
                    vec![CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 24], vec![0x30, 3, 2, 1, 5])];
            }
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
    leaf("full", name, 2020, 2090, Some(&middle), &middle_pem)?;
    leaf("lonely", name, 2020, 2090, Some(&middle), "")?;
    leaf("oldmiddle", name, 2020, 2090, Some(&old), &old_pem)?;
    leaf("oldroot", name, 2020, 2090, Some(&past), "")?;
    leaf("muststaple", name, 2020, 2090, Some(&trusted), "")?;
    Ok(())
}

fn authority(name: &str, to: i32) -> Result<(Issuer<'static, KeyPair>, String)> {
    let (params, key) = (authority_params(name, to)?, KeyPair::generate()?);
    let pem = params.self_signed(&key)?.pem();
    Ok((Issuer::new(params, key), pem))
}

fn intermediate(name: &str, to: i32, root: &Issuer<'_, KeyPair>) -> Result<(Issuer<'static, KeyPair>, String)> {
    let (params, key) = (authority_params(name, to)?, KeyPair::generate()?);
    let pem = params.signed_by(&key, root)?.pem();
    Ok((Issuer::new(params, key), pem))
}

fn authority_params(name: &str, to: i32) -> Result<CertificateParams> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(to, 1, 1);
    Ok(params)
}
