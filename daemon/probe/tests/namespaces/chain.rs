//! Four namespaces in a row: client, two routers, server. Both families.

use std::net::TcpListener;
use std::time::Duration;

use sonde_core::observation::Endpoint;
use sonde_probe::vantage::Vantage;

use crate::lab::Netns;

/// The server's addresses.
pub(crate) const SERVER: [&str; 2] = ["10.1.3.2", "fd01:3::2"];

/// The routers' addresses towards the client, nearest first, by family.
pub(crate) const ROUTERS: [[&str; 2]; 2] = [["10.1.1.2", "10.1.2.2"], ["fd01:1::2", "fd01:2::2"]];

/// `client -- near -- far -- server`; link N carries 10.1.N.0/24 and `fd01:N::/64`, the nearer end is 1, the farther 2.
pub(crate) struct Chain {
    pub(crate) client: Netns,
    pub(crate) near: Netns,
    pub(crate) far: Netns,
    pub(crate) server: Netns,
}

impl Chain {
    pub(crate) fn create() -> Self {
        let chain =
            Self { client: Netns::create(), near: Netns::create(), far: Netns::create(), server: Netns::create() };
        for (link, left, right) in
            [(1, &chain.client, &chain.near), (2, &chain.near, &chain.far), (3, &chain.far, &chain.server)]
        {
            left.ip(&format!("link add right type veth peer name left netns {}", right.name));
            for (namespace, device, host) in [(left, "right", 1), (right, "left", 2)] {
                namespace.ip(&format!("addr add 10.1.{link}.{host}/24 dev {device}"));
                namespace.ip(&format!("addr add fd01:{link}::{host}/64 dev {device} nodad"));
                namespace.ip(&format!("link set {device} up"));
            }
        }
        for router in [&chain.near, &chain.far] {
            router.exec("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1");
        }
        for (namespace, v4, v6) in [
            (&chain.client, "10.1.1.2", "fd01:1::2"),
            (&chain.near, "10.1.2.2", "fd01:2::2"),
            (&chain.far, "10.1.2.1", "fd01:2::1"),
            (&chain.server, "10.1.3.1", "fd01:3::1"),
        ] {
            namespace.ip(&format!("route add default via {v4}"));
            namespace.ip(&format!("-6 route add default via {v6}"));
        }
        chain.client.reaches(SERVER);
        chain
    }

    /// A listener of both families in the server.
    pub(crate) fn listener(&self) -> (TcpListener, u16) {
        let listener = self.server.vantage().within(|| TcpListener::bind("[::]:0")).expect("within").expect("bound");
        let port = listener.local_addr().expect("an address").port();
        (listener, port)
    }

    /// The MTU of the link between the routers.
    pub(crate) fn narrow(&self, mtu: u32) {
        self.near.ip(&format!("link set right mtu {mtu}"));
        self.far.ip(&format!("link set left mtu {mtu}"));
    }
}

pub(crate) fn at(address: &str, port: u16) -> Endpoint {
    Endpoint { address: address.parse().expect("an address"), port }
}

/// Runs `test` with a vantage of the namespace whose threads hold no `CAP_NET_RAW`.
pub(crate) fn unprivileged<T: Send + 'static>(
    namespace: &Netns,
    test: impl AsyncFnOnce(Vantage) -> T + Send + 'static,
) -> T {
    let path = namespace.path();
    let body = move || {
        use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};
        let held = capabilities(None).expect("capabilities");
        let without = |set: CapabilitySet| set - CapabilitySet::NET_RAW;
        let sets = CapabilitySets {
            effective: without(held.effective),
            permitted: without(held.permitted),
            inheritable: without(held.inheritable),
        };
        set_capabilities(None, sets).expect("a thread may give up capabilities");
        let vantage = Vantage::open(&sonde_probe::vantage::Selector::Netns(path)).expect("the namespace opens");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(test(vantage))
    };
    std::thread::spawn(body).join().expect("the test's thread")
}

pub(crate) const LONG: Duration = Duration::from_secs(20);
