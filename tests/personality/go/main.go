// What Go's own resolver answers: LookupNetIP of a name without a deadline. One line of JSON on stdout.
//
//	lookup NAME [4|6]
//
// Built with CGO_ENABLED=0, so that the pure resolver is the only one there is.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"runtime"
	_ "unsafe" // for linkname
)

//go:linkname nanotime runtime.nanotime
func nanotime() int64

type failure struct {
	Code        string `json:"code"`
	Text        string `json:"text"`
	IsNotFound  bool   `json:"is_not_found"`
	IsTimeout   bool   `json:"is_timeout"`
	IsTemporary bool   `json:"is_temporary"`
	Server      string `json:"server"`
}

type outcome struct {
	Runtime   string   `json:"runtime"`
	BeginNs   int64    `json:"begin_ns"`
	ElapsedNs int64    `json:"elapsed_ns"`
	Addresses []string `json:"addresses,omitempty"`
	Error     *failure `json:"error,omitempty"`
}

func main() {
	if len(os.Args) < 2 {
		os.Exit(2)
	}
	network := "ip"
	if len(os.Args) > 2 {
		network += os.Args[2]
	}
	resolver := net.Resolver{PreferGo: true}
	begin := nanotime()
	found, err := resolver.LookupNetIP(context.Background(), network, os.Args[1])
	out := outcome{Runtime: runtime.Version(), BeginNs: begin, ElapsedNs: nanotime() - begin}
	for _, each := range found {
		out.Addresses = append(out.Addresses, each.Unmap().String())
	}
	if err != nil {
		out.Error = describe(err)
	}
	if json.NewEncoder(os.Stdout).Encode(out) != nil {
		os.Exit(1)
	}
}

func describe(err error) *failure {
	out := &failure{Code: "Other", Text: err.Error()}
	var dns *net.DNSError
	if !errors.As(err, &dns) {
		return out
	}
	out.IsNotFound, out.IsTimeout, out.IsTemporary, out.Server = dns.IsNotFound, dns.IsTimeout, dns.IsTemporary, dns.Server
	switch {
	case dns.IsNotFound:
		out.Code = "NotFound"
	case dns.IsTimeout:
		out.Code = "Timeout"
	case dns.IsTemporary:
		out.Code = "Temporary"
	}
	return out
}
