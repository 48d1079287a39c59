// Serves MongoDB's protocol on loopback from SQLite files in a folder, until its input ends or it is told to stop.
package main

import (
	"context"
	"crypto/tls"
	"flag"
	"io"
	"log"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/FerretDB/FerretDB/ferretdb"
)

func main() {
	listen := flag.String("listen", "", "address, such as 127.0.0.1:27017")
	dir := flag.String("dir", "", "folder that the data are kept in")
	cert := flag.String("cert", "", "certificate; with it only TLS is spoken")
	key := flag.String("key", "", "key of the certificate")
	flag.Parse()

	folder, err := filepath.Abs(*dir)
	if err != nil {
		log.Fatal(err)
	}
	front, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	if *cert != "" {
		pair, err := tls.LoadX509KeyPair(*cert, *key)
		if err != nil {
			log.Fatal(err)
		}
		front = tls.NewListener(front, &tls.Config{Certificates: []tls.Certificate{pair}})
	}
	server, err := ferretdb.New(&ferretdb.Config{
		Listener:  ferretdb.ListenerConfig{TCP: "127.0.0.1:0"},
		Logger:    slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Handler:   "sqlite",
		SQLiteURL: "file:" + filepath.ToSlash(folder) + "/",
	})
	if err != nil {
		log.Fatal(err)
	}
	address, err := url.Parse(server.MongoDBURI())
	if err != nil {
		log.Fatal(err)
	}
	go serve(front, address.Host)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() {
		// Whoever started it is gone, however that came.
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	if err := server.Run(ctx); err != nil {
		log.Fatal(err)
	}
}
