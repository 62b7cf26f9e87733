//! `HistoryService`: what the flight recorder kept.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use sonde_core::observation::history::{GroupFilter, GroupKey, Numbers, Period, Recording, Request as Question};
use sonde_probe::clock::RunClock;
use sonde_probe::history;
use sonde_probe::vantage::Vantage;
use sonde_proto::v1;
use sonde_proto::v1::history_service_server::HistoryService;
use tonic::{Request, Response, Status};

use super::vantages::Vantages;
use super::{period, refusal};
use crate::{convert, recorder};

/// The service.
#[derive(Clone, Debug)]
pub(super) struct Histories {
    pub(super) vantages: Arc<Vantages>,
    pub(super) recording: Option<recorder::Recording>,
}

#[tonic::async_trait]
impl HistoryService for Histories {
    async fn get_history(
        &self,
        request: Request<v1::GetHistoryRequest>,
    ) -> Result<Response<v1::GetHistoryResponse>, Status> {
        let request = request.into_inner();
        let asked = period::asked(request.period.as_ref(), RunClock::wall_now())?;
        let points = within("points", request.points, 600, 3_600)?;
        let names = names(request.names)?;
        let vantage = self.vantages.open(request.vantage.as_ref()).await?;
        if self.recording.is_none() {
            return Err(period::unrecorded());
        }
        let question = Question { period: asked.unwrap_or_else(lately), points, of: Numbers::Counters { names } };
        let recording = self.read(&vantage, &question).await?;
        Ok(Response::new(v1::GetHistoryResponse {
            network_namespace: vantage.id(),
            recording: Some(convert::recording(&recording)),
        }))
    }

    async fn get_heatmap(
        &self,
        request: Request<v1::GetHeatmapRequest>,
    ) -> Result<Response<v1::GetHeatmapResponse>, Status> {
        let request = request.into_inner();
        let asked = period::asked(request.period.as_ref(), RunClock::wall_now())?;
        let columns = within("columns", request.columns, 60, 1_000)?;
        let rows = within("rows", request.rows, 20, 64)?;
        let by = if request.by.is_empty() { vec![GroupKey::State, GroupKey::PeerPort] } else { keys(&request.by)? };
        let filter = GroupFilter { states: request.states, ..GroupFilter::default() };
        let of = Numbers::Sockets { by: by.clone(), filter };
        let selector = Vantages::selector(request.vantage.as_ref())?;
        let vantage = self.vantages.open(request.vantage.as_ref()).await?;
        let present_only = self.unrecorded(&vantage);
        let recording = match (&present_only, asked) {
            (None, asked) => {
                let question = Question { period: asked.unwrap_or_else(lately), points: columns, of };
                self.read(&vantage, &question).await?
            }
            (Some(_), Some(_)) if self.recording.is_none() => return Err(period::unrecorded()),
            (Some(why), Some(_)) => {
                return Err(refusal::precondition("HISTORY", "", format!("failed to look at the past: {why}")));
            }
            (Some(_), None) => {
                let present = history::present(&vantage, &RunClock::start(), of).await;
                present.map_err(|failure| refusal::failure(&failure))?
            }
        };
        if let Some(recording) = &self.recording {
            recording.seen(selector);
        }
        Ok(Response::new(heatmap(&vantage, &by, rows, &recording, present_only)))
    }

    async fn list_watched(
        &self,
        _request: Request<v1::ListWatchedRequest>,
    ) -> Result<Response<v1::ListWatchedResponse>, Status> {
        let Some(recording) = &self.recording else {
            return Ok(Response::new(v1::ListWatchedResponse::default()));
        };
        let bounds = *recording.archive.bounds();
        Ok(Response::new(v1::ListWatchedResponse {
            namespaces: recording.archive.watched().iter().map(watched).collect(),
            step: Some(convert::duration(bounds.step)),
            coarse_step: Some(convert::duration(bounds.coarse_step)),
            limit_bytes: bounds.bytes,
        }))
    }
}

impl Histories {
    async fn read(&self, vantage: &Vantage, question: &Question) -> Result<Recording, Status> {
        let archive = self.recording.as_ref().map(|recording| &recording.archive);
        let read = history::read(archive, vantage, &RunClock::start(), question).await;
        read.map_err(|failure| refusal::failure(&failure))
    }

    /// Why there is no recording of a namespace; none where there is.
    fn unrecorded(&self, vantage: &Vantage) -> Option<String> {
        match &self.recording {
            None => Some("nothing is recorded here; a daemon that does is started with `sonde daemon run`".to_owned()),
            Some(recording) if recording.archive.kept(vantage.network_namespace()).is_none() => {
                Some("this namespace has not been recorded so far; from now on it is".to_owned())
            }
            Some(_) => None,
        }
    }
}

fn heatmap(
    vantage: &Vantage,
    by: &[GroupKey],
    rows: u32,
    recording: &Recording,
    present_only: Option<String>,
) -> v1::GetHeatmapResponse {
    let columns: BTreeSet<Duration> =
        recording.series.iter().flat_map(|series| series.points.iter().map(|point| point.at)).collect();
    let rows = recording.series.iter().take(usize::try_from(rows).unwrap_or(usize::MAX)).map(|series| {
        let count = |at: &Duration| {
            let point = series.points.binary_search_by_key(at, |point| point.at).ok();
            #[expect(clippy::cast_possible_truncation, reason = "counts of sockets are whole and small")]
            point.and_then(|place| series.points.get(place)).map_or(-1, |point| point.value as i64)
        };
        v1::HeatmapRow { key: series.key.clone(), counts: columns.iter().map(count).collect() }
    });
    v1::GetHeatmapResponse {
        network_namespace: vantage.id(),
        by: by.iter().map(|key| wire(*key).into()).collect(),
        rows: rows.collect(),
        columns: columns.iter().map(|at| convert::timestamp(*at)).collect(),
        covered: present_only.is_none().then(|| convert::period(&recording.covered)),
        present_only: present_only.unwrap_or_default(),
    }
}

fn watched(watched: &history::Watched) -> v1::WatchedNamespace {
    v1::WatchedNamespace {
        network_namespace: watched.network_namespace,
        fine: watched.fine.as_ref().map(convert::period),
        kept: watched.all.as_ref().map(convert::period),
        fine_steps: watched.steps.0,
        coarse_steps: watched.steps.1,
        bytes: watched.bytes,
        cpu: Some(convert::duration(watched.cost)),
        since: Some(convert::timestamp(watched.since)),
        count_every: Some(convert::duration(watched.walk_every)),
    }
}

/// The last ten minutes.
fn lately() -> Period {
    let to = RunClock::wall_now();
    Period { from: to.saturating_sub(Duration::from_mins(10)), to }
}

fn names(names: Vec<String>) -> Result<Vec<String>, Status> {
    if names.is_empty() || names.len() > MOST_NAMES {
        let problem =
            format!("{} names are given; give 1 to {MOST_NAMES}, such as TcpExt.ListenOverflows", names.len());
        return Err(refusal::invalid("names", problem));
    }
    Ok(names)
}

fn within(field: &str, asked: u32, usual: u32, most: u32) -> Result<u32, Status> {
    let least = if field == "rows" { 1 } else { 2 };
    match asked {
        0 => Ok(usual),
        asked if (least..=most).contains(&asked) => Ok(asked),
        asked => Err(refusal::invalid(field, format!("{asked} {field} are asked for; ask for {least} to {most}"))),
    }
}

fn keys(by: &[i32]) -> Result<Vec<GroupKey>, Status> {
    if by.len() > MOST_KEYS {
        return Err(refusal::invalid("by", format!("{} keys are too many; at most {MOST_KEYS} are allowed", by.len())));
    }
    let key = |(at, key): (usize, &i32)| match v1::HistoryKey::try_from(*key) {
        Ok(v1::HistoryKey::State) => Ok(GroupKey::State),
        Ok(v1::HistoryKey::PeerAddress) => Ok(GroupKey::PeerAddress),
        Ok(v1::HistoryKey::PeerPort) => Ok(GroupKey::PeerPort),
        Ok(v1::HistoryKey::LocalPort) => Ok(GroupKey::LocalPort),
        Ok(v1::HistoryKey::Unspecified) | Err(_) => {
            let problem = format!("{key} is no HistoryKey; give HISTORY_KEY_STATE, HISTORY_KEY_PEER_PORT or another");
            Err(refusal::invalid(&format!("by[{at}]"), problem))
        }
    };
    by.iter().enumerate().map(key).collect()
}

fn wire(key: GroupKey) -> v1::HistoryKey {
    match key {
        GroupKey::State => v1::HistoryKey::State,
        GroupKey::PeerAddress => v1::HistoryKey::PeerAddress,
        GroupKey::PeerPort => v1::HistoryKey::PeerPort,
        GroupKey::LocalPort => v1::HistoryKey::LocalPort,
    }
}

/// Of the contract.
const MOST_NAMES: usize = 64;

/// There are four.
const MOST_KEYS: usize = 4;

#[cfg(test)]
mod tests {
    use sonde_core::observation::history::{Point, Series, SeriesKind};
    use sonde_probe::vantage::Selector;

    use super::*;

    #[test]
    fn rows_share_their_columns_and_what_was_not_counted_is_told_apart_from_nothing() {
        let point = |second, value| Point { at: Duration::from_secs(second), value };
        let series = |key: &str, points| Series { key: vec![key.to_owned()], kind: SeriesKind::Gauge, points };
        let recording = Recording {
            covered: Period { from: Duration::from_secs(1), to: Duration::from_secs(3) },
            step: Duration::from_secs(1),
            series: vec![series("a", vec![point(1, 5.0), point(3, 0.0)]), series("b", vec![point(2, 1.0)])],
            gaps: vec![],
        };
        let vantage = Vantage::open(&Selector::Own).expect("our own");

        let map = heatmap(&vantage, &[GroupKey::State], 20, &recording, None);

        assert_eq!(map.columns.iter().map(|at| at.seconds).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(map.rows[0].counts, [5, -1, 0]);
        assert_eq!(map.rows[1].counts, [-1, 1, -1]);
    }

    #[test]
    fn every_key_of_the_contract_is_understood() {
        assert_eq!(keys(&[1, 2, 3, 4]).expect("keys").len(), 4);
        assert!(v1::HistoryKey::try_from(5).is_err(), "a key was added: teach it to `keys`");
        assert!(keys(&[0]).is_err() && keys(&[1; 5]).is_err());
    }
}
