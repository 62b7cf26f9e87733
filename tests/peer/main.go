// A server in Go, for the comparison of `sonde dial` with its peers: TLS with whatever Go offers today, HTTP/1.1 and HTTP/2, pages that
// are slow or come in chunks, and a port that greets and then says nothing.
//
//	peer ADDRESS CERTIFICATE KEY CLIENT-AUTHORITIES
//
// listens on ADDRESS:6001 (http), 6443 (https) and 6002 (greeting).
package main

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

func main() {
	address, certificate, key, authorities := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	pages := http.NewServeMux()
	// What the server saw of the client's own address.
	pages.HandleFunc("/whoami", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.RemoteAddr)
	})
	pages.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(500 * time.Millisecond)
		_, _ = io.WriteString(w, "first")
		_ = http.NewResponseController(w).Flush()
		time.Sleep(700 * time.Millisecond)
		_, _ = io.WriteString(w, "second")
	})
	pages.HandleFunc("/chunks", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/octet-stream")
		for range 5 {
			_, _ = io.WriteString(w, strings.Repeat("x", 1000))
			_ = http.NewResponseController(w).Flush()
		}
	})
	pages.HandleFunc("/busy", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "7")
		http.Error(w, "try later", http.StatusServiceUnavailable)
	})
	pages.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Method", r.Method)
		w.Header().Set("X-Said", r.Header.Get("X-Say"))
		w.WriteHeader(http.StatusAccepted)
	})

	clients := x509.NewCertPool()
	pem, err := os.ReadFile(authorities)
	if err != nil || !clients.AppendCertsFromPEM(pem) {
		log.Fatalf("read the authorities of clients %q: %v", authorities, err)
	}
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		log.Fatal(err)
	}
	configuration := &tls.Config{
		Certificates: []tls.Certificate{pair},
		NextProtos:   []string{"h2", "http/1.1"},
		ClientAuth:   tls.RequestClientCert,
		ClientCAs:    clients,
	}
	secure := &http.Server{Addr: address + ":6443", Handler: pages, TLSConfig: configuration}
	go func() { log.Fatal(secure.ListenAndServeTLS("", "")) }()
	go func() { log.Fatal(http.ListenAndServe(address+":6001", pages)) }()

	greeter, err := net.Listen("tcp", address+":6002")
	if err != nil {
		log.Fatal(err)
	}
	for {
		connection, err := greeter.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go func() {
			defer connection.Close()
			_, _ = io.WriteString(connection, "220 peer ready\r\n")
			// Until the client has closed.
			_, _ = io.Copy(io.Discard, connection)
		}()
	}
}
