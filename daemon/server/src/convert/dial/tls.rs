//! Messages of `dial.tls` and `dial.tls-hello`.

use sonde_core::observation::dial as core;
use sonde_proto::v1;

use crate::convert::connection::{connection, session};
use crate::convert::failure::{deltas, endpoint, timing};
use crate::convert::{address, duration};

pub(in crate::convert) fn tls(request: &core::TlsRequest, dial: &core::TlsDial) -> v1::TlsDial {
    v1::TlsDial {
        remote: Some(endpoint(request.remote)),
        local_address: address(request.local_address),
        device: request.device.clone().unwrap_or_default(),
        server_name: request.server_name.clone(),
        sni_sent: request.send_sni,
        alpn_offered: request.alpn.clone(),
        timeout: Some(duration(request.timeout)),
        connection: Some(connection(&dial.connection)),
        handshake: dial.handshake.map(timing),
        session: dial.session.as_ref().map(session),
        deltas: dial.deltas.as_ref().map(deltas),
        key_share: match request.key_share {
            core::KeyShare::PostQuantum => v1::KeyShare::PostQuantum,
            core::KeyShare::Classical => v1::KeyShare::Classical,
        }
        .into(),
        starttls: starttls(request.starttls).into(),
        starttls_exchange: dial.starttls.as_ref().map(starttls_exchange),
        known_issuers: request.known_issuers.clone(),
    }
}

pub(in crate::convert) fn hello(request: &core::TlsHelloRequest, dial: &core::TlsHelloDial) -> v1::TlsHelloDial {
    let chosen = dial.chosen.as_ref();
    v1::TlsHelloDial {
        remote: Some(endpoint(request.remote)),
        server_name: request.server_name.clone(),
        sni_sent: request.send_sni,
        version_offered: request.version.name().to_owned(),
        suites_offered: request.suites.iter().copied().map(Into::into).collect(),
        starttls: starttls(request.starttls).into(),
        starttls_exchange: dial.starttls.as_ref().map(starttls_exchange),
        timeout: Some(duration(request.timeout)),
        connection: Some(connection(&dial.connection)),
        handshake: dial.handshake.map(timing),
        version: chosen.map_or_else(String::new, |chosen| chosen.version.clone()),
        cipher: chosen.map_or_else(String::new, |chosen| chosen.cipher.clone()),
        cipher_number: chosen.map(|chosen| chosen.cipher_number.into()),
        plaintext: dial.plaintext.clone().unwrap_or_default(),
    }
}

fn starttls(protocol: Option<core::Starttls>) -> v1::Starttls {
    match protocol {
        None => v1::Starttls::Unspecified,
        Some(core::Starttls::Postgres) => v1::Starttls::Postgres,
        Some(core::Starttls::Mysql) => v1::Starttls::Mysql,
        Some(core::Starttls::Smtp) => v1::Starttls::Smtp,
        Some(core::Starttls::Imap) => v1::Starttls::Imap,
        Some(core::Starttls::Ldap) => v1::Starttls::Ldap,
    }
}

fn starttls_exchange(exchange: &core::StarttlsExchange) -> v1::StarttlsExchange {
    v1::StarttlsExchange { timing: Some(timing(exchange.timing)), agreed: exchange.agreed, said: exchange.said.clone() }
}
