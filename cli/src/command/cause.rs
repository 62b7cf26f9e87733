//! `sonde cause list|explain`: the catalogue of root causes.

use clap::Subcommand;
use sonde_proto::json;
use sonde_proto::v1::cause_service_client::CauseServiceClient;
use sonde_proto::v1::{GetCauseRequest, ListCausesRequest, ListCausesResponse};

use crate::arguments::{Format, Global};
use crate::command::{LARGEST_MESSAGE_BYTES, MOST_PAGES, PAGE_SIZE, answer, deadline};
use crate::connection::Session;
use crate::error::CommandError;
use crate::exit;
use crate::render::catalogue;
use crate::render::out::Output;

/// List and explain the root causes that a diagnosis may name.
#[derive(Debug, Subcommand)]
pub(crate) enum Cause {
    /// List the causes
    List {
        /// Only those of this layer, such as dns, tcp, tls
        #[arg(long, value_name = "LAYER")]
        layer: Option<String>,
    },
    /// Explain one: what proves it, what looks like it, what to do
    Explain {
        /// The cause
        #[arg(value_name = "ID", help = "The cause, such as fw.drop_remote")]
        id: String,
    },
}

impl Cause {
    /// Asks the daemon and prints the answer.
    pub(crate) async fn run(self, session: &Session, global: &Global, output: &Output) -> Result<u8, CommandError> {
        match self {
            Self::List { layer } => {
                let all = causes(session, global, layer.as_deref().unwrap_or_default()).await?;
                if let Some(layer) = layer.filter(|_| all.causes.is_empty()) {
                    return Err(no_such_layer(&layer, &causes(session, global, "").await?));
                }
                let wide = output.format() == Format::Wide;
                output.message(
                    &all,
                    |all| all.causes.iter().map(json::to_string).collect(),
                    |all, width| catalogue::causes(&all.causes, wide, width),
                )?;
            }
            Self::Explain { id } => {
                let mut client = CauseServiceClient::new(session.channel());
                let call = client.get_cause(session.request(GetCauseRequest { id }, deadline(global)));
                let response = answer(deadline(global), call).await?;
                output.message(
                    &response,
                    |response| Ok(vec![json::to_string(response)?]),
                    |response, width| {
                        response.cause.as_ref().map(|cause| catalogue::cause(cause, width)).unwrap_or_default()
                    },
                )?;
            }
        }
        Ok(exit::HEALTHY)
    }
}

async fn causes(session: &Session, global: &Global, layer: &str) -> Result<ListCausesResponse, CommandError> {
    let mut client = CauseServiceClient::new(session.channel()).max_decoding_message_size(LARGEST_MESSAGE_BYTES);
    let mut all = ListCausesResponse::default();
    for _ in 0..MOST_PAGES {
        let request = ListCausesRequest { layer: layer.into(), page_size: PAGE_SIZE, page_token: all.next_page_token };
        let page = answer(deadline(global), client.list_causes(session.request(request, deadline(global)))).await?;
        all.causes.extend(page.causes);
        all.next_page_token = page.next_page_token;
        if all.next_page_token.is_empty() {
            break;
        }
    }
    Ok(all)
}

fn no_such_layer(layer: &str, all: &ListCausesResponse) -> CommandError {
    let mut known: Vec<&str> = Vec::new();
    for cause in &all.causes {
        if !known.contains(&cause.layer.as_str()) {
            known.push(&cause.layer);
        }
    }
    CommandError::Usage(format!("{layer:?} is no layer: it is one of {}", known.join(", ")))
}
