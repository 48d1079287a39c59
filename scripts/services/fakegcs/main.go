// Serves Google Cloud Storage's protocol on loopback from files in a folder, until its input ends or it is told to stop.
package main

import (
	"encoding/json"
	"flag"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"github.com/fsouza/fake-gcs-server/fakestorage"
)

func main() {
	listen := flag.String("listen", "", "address, such as 127.0.0.1:4443")
	dir := flag.String("dir", "", "folder that the objects are kept in")
	cert := flag.String("cert", "", "certificate; with it only TLS is spoken")
	key := flag.String("key", "", "key of the certificate")
	flag.Parse()

	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	address := listener.Addr().String()
	scheme := "http"
	if *cert != "" {
		scheme = "https"
	}
	server, err := fakestorage.NewServerWithOptions(fakestorage.Options{
		StorageRoot: *dir,
		Scheme:      scheme,
		NoListener:  true,
		ExternalURL: scheme + "://" + address,
		PublicHost:  address,
		Writer:      io.Discard,
	})
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		stop := make(chan os.Signal, 1)
		signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
		go func() {
			// Whoever started it is gone, however that came.
			_, _ = io.Copy(io.Discard, os.Stdin)
			stop <- os.Interrupt
		}()
		<-stop
		os.Exit(0)
	}()
	handler := &guarded{inner: server.HTTPHandler(), address: address}
	if *cert != "" {
		log.Fatal(http.ServeTLS(listener, handler, *cert, *key))
	}
	log.Fatal(http.Serve(listener, handler))
}

// The server knows no conditions on removals, which Google's does: they are looked at here, one removal at a time.
type guarded struct {
	inner    http.Handler
	address  string
	removing sync.Mutex
}

func (g *guarded) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// Where an upload goes on is told as the address that was asked, as Google does: there may be a proxy between.
	if r.Host != g.address {
		w = &told{ResponseWriter: w, from: "://" + g.address, to: "://" + r.Host}
		r.Host = g.address
	}
	wanted := r.URL.Query().Get("ifGenerationMatch")
	if r.Method != http.MethodDelete || wanted == "" || !strings.Contains(r.URL.Path, "/o/") {
		g.inner.ServeHTTP(w, r)
		return
	}
	g.removing.Lock()
	defer g.removing.Unlock()
	look := r.Clone(r.Context())
	look.Method = http.MethodGet
	look.Body = http.NoBody
	look.URL.RawQuery = ""
	look.RequestURI = ""
	found := httptest.NewRecorder()
	g.inner.ServeHTTP(found, look)
	var object struct{ Generation string }
	if found.Code == http.StatusOK && json.Unmarshal(found.Body.Bytes(), &object) == nil && object.Generation != wanted {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusPreconditionFailed)
		_, _ = io.WriteString(w, `{"error":{"code":412,"message":"At least one of the pre-conditions you specified did not hold.","errors":[{"reason":"conditionNotMet","domain":"global"}]}}`)
		return
	}
	g.inner.ServeHTTP(w, r)
}

type told struct {
	http.ResponseWriter
	from, to string
}

func (t *told) WriteHeader(status int) {
	if location := t.Header().Get("Location"); location != "" {
		t.Header().Set("Location", strings.Replace(location, t.from, t.to, 1))
	}
	t.ResponseWriter.WriteHeader(status)
}

func (t *told) Unwrap() http.ResponseWriter { return t.ResponseWriter }
