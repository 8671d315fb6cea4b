// Asks, and prints the answer as it arrives: go run . ws://…/connection/websocket "Hello"
//
// A client for centrifuge-go that follows docs/protocol.md; docs/clients.md explains it. It stays
// exact through lost connections and restarts. Environment: TOKEN, a visitor's token from an
// earlier run; MODEL, one of the service's models.
package main

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, `usage: chat ws://…/connection/websocket "What is a websocket?"`)
		os.Exit(2)
	}
	if err := chat(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintf(os.Stderr, "[%s]\n", err)
		os.Exit(1)
	}
}

func chat(url, text string) error {
	connection, err := connect(url, os.Getenv("TOKEN"))
	if err != nil {
		return err
	}
	defer connection.client.Close()
	prompt := map[string]string{"id": rand.Text(), "text": text}
	if model := os.Getenv("MODEL"); model != "" {
		prompt["model"] = model
	}
	conversation, err := begin(connection, "send", prompt)
	if err != nil {
		return err
	}
	return printAnswer(conversation, prompt["id"])
}

// printAnswer prints the answer as it grows. It fails if the answer did.
func printAnswer(conversation *conversation, prompt string) error {
	var shown, status string
	for {
		select {
		case <-conversation.changed:
		case reason := <-conversation.connection.ended:
			return errors.New(reason)
		}
		text, about, closed, gone := conversation.answer(prompt)
		switch {
		case strings.HasPrefix(shown, text): // a session may lag a little behind what was shown
		case strings.HasPrefix(text, shown):
			fmt.Print(text[len(shown):])
			shown = text
		default: // it was regenerated
			fmt.Print("\n", text)
			shown = text
		}
		if about.Status == "waiting" && status != "waiting" {
			fmt.Fprintln(os.Stderr, "[waiting for somebody's decision]")
		}
		status = about.Status
		switch {
		case gone:
			return errors.New("gone")
		case closed && status == "complete":
			fmt.Println()
			return nil
		case closed:
			fmt.Println()
			return errors.New(cmp.Or(about.Error, status))
		}
	}
}
