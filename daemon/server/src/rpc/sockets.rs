//! `SocketService`: the socket table of a vantage, as the kernel has it now. No check runs, and nothing is kept.

mod filter;
mod listing;
mod row;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use sonde_core::observation::sockets::CensusKey;
use sonde_probe::clock::RunClock;
use sonde_probe::sockets;
use sonde_proto::v1;
use sonde_proto::v1::socket_service_server::SocketService;
use tokio::time::{Instant, timeout_at};
use tokio_stream::Stream;
use tonic::{Request, Response, Status};

use super::vantages::Vantages;
use super::{deadline, refusal};
use crate::convert;

/// The service.
#[derive(Clone, Debug)]
pub(super) struct Sockets(pub(super) Arc<Vantages>);

#[tonic::async_trait]
impl SocketService for Sockets {
    type ListSocketsStream = Pin<Box<dyn Stream<Item = Result<v1::ListSocketsResponse, Status>> + Send>>;

    async fn list_sockets(
        &self,
        request: Request<v1::ListSocketsRequest>,
    ) -> Result<Response<Self::ListSocketsStream>, Status> {
        let deadline = until(&request);
        let request = request.into_inner();
        let asked = listing::Asked::of(&request)?;
        let vantage = self.0.open(request.vantage.as_ref()).await?;
        Ok(Response::new(Box::pin(listing::stream(vantage, asked, deadline))))
    }

    async fn list_listeners(
        &self,
        request: Request<v1::ListListenersRequest>,
    ) -> Result<Response<v1::ListListenersResponse>, Status> {
        let deadline = until(&request);
        let request = request.into_inner();
        let port = filter::port("port", request.port)?;
        let vantage = self.0.open(request.vantage.as_ref()).await?;
        let reading = async {
            let clock = RunClock::start();
            let listeners = sockets::listeners(&vantage, &clock, (port != 0).then_some(port)).await;
            let listeners = listeners.map_err(|failure| refusal::failure(&failure))?;
            let somaxconn = sockets::somaxconn(&vantage).await;
            let listeners = listeners.iter().map(convert::listener).collect();
            Ok(Response::new(v1::ListListenersResponse { listeners, somaxconn }))
        };
        timeout_at(deadline, reading).await.unwrap_or_else(|_| Err(refusal::deadline()))
    }

    async fn count_sockets(
        &self,
        request: Request<v1::CountSocketsRequest>,
    ) -> Result<Response<v1::CountSocketsResponse>, Status> {
        let deadline = until(&request);
        let request = request.into_inner();
        let filter = filter::filter(request.filter.as_ref())?;
        let by = keys(&request.by)?;
        let limit = match request.limit {
            0 => MOST_GROUPS,
            limit => usize::try_from(limit).unwrap_or(MOST_GROUPS).min(MOST_GROUPS),
        };
        let vantage = self.0.open(request.vantage.as_ref()).await?;
        let clock = RunClock::start();
        let counting = sockets::count(&vantage, &clock, filter, by);
        let census = timeout_at(deadline, counting).await.map_err(|_| refusal::deadline())?;
        let census = census.map_err(|failure| refusal::failure(&failure))?;
        let groups = census.groups.iter().take(limit).map(convert::census_group).collect();
        Ok(Response::new(v1::CountSocketsResponse { groups, total: census.total }))
    }
}

/// When the client stops waiting, or the daemon does for it.
fn until<T>(request: &Request<T>) -> Instant {
    let patience = deadline::of(request.metadata()).unwrap_or(LONGEST).min(LONGEST);
    Instant::now() + patience
}

fn keys(by: &[i32]) -> Result<Vec<CensusKey>, Status> {
    if by.len() > MOST_KEYS {
        return Err(refusal::invalid("by", format!("{} keys are too many; at most {MOST_KEYS} are allowed", by.len())));
    }
    let key = |(at, key): (usize, &i32)| match v1::CensusKey::try_from(*key) {
        Ok(v1::CensusKey::State) => Ok(CensusKey::State),
        Ok(v1::CensusKey::LocalAddress) => Ok(CensusKey::LocalAddress),
        Ok(v1::CensusKey::LocalPort) => Ok(CensusKey::LocalPort),
        Ok(v1::CensusKey::PeerAddress) => Ok(CensusKey::PeerAddress),
        Ok(v1::CensusKey::PeerPort) => Ok(CensusKey::PeerPort),
        Ok(v1::CensusKey::Protocol) => Ok(CensusKey::Protocol),
        Ok(v1::CensusKey::Pid) => Ok(CensusKey::Pid),
        Ok(v1::CensusKey::Command) => Ok(CensusKey::Command),
        Ok(v1::CensusKey::Cgroup) => Ok(CensusKey::Cgroup),
        Ok(v1::CensusKey::Unspecified) | Err(_) => {
            let problem = format!("{key} is no CensusKey; give CENSUS_KEY_STATE, CENSUS_KEY_PEER_ADDRESS or another");
            Err(refusal::invalid(&format!("by[{at}]"), problem))
        }
    };
    by.iter().enumerate().map(key).collect()
}

/// Of the contract.
const MOST_GROUPS: usize = 1_000;

/// Of the contract.
const MOST_KEYS: usize = 5;

/// Where the client names no deadline: whoever reads a listing for longer holds a place that others need.
const LONGEST: Duration = Duration::from_mins(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_the_contract_is_understood() {
        let all: Vec<i32> = (1..=9).collect();
        for chunk in all.chunks(MOST_KEYS) {
            assert_eq!(keys(chunk).expect("keys").len(), chunk.len());
        }
        assert!(v1::CensusKey::try_from(10).is_err(), "a key was added: teach it to `keys`");
    }

    #[test]
    fn keys_that_make_no_sense_are_refused_by_their_place() {
        assert!(keys(&[1, 0]).expect_err("no key").message().contains("0 is no CensusKey"));
        assert!(keys(&[1; 6]).expect_err("too many").message().contains("6 keys"));
    }
}
