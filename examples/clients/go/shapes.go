package main

import (
	"encoding/json"
	"slices"
)

// The parts of docs/protocol.md's shapes that a reader of text needs; JSON ignores the rest.

type message struct {
	ID       string
	Role     string
	Parts    []part
	Metadata metadata
}

type metadata struct{ Status, Error string }

type part struct{ Type, Text string }

type session struct {
	Conversation string
	Channel      string
	Messages     []*message
	Since        struct {
		Offset uint64
		Epoch  string
	}
	Generation *struct {
		Message string
		Seq     int
	}
	cameBy int64 // the connection that brought it
}

type joinedPublication struct {
	Message *message
	After   string
}

type chunksPublication struct {
	Message string
	Seq     int
	Chunks  []json.RawMessage
	Prompt  *message
	After   string
}

type removedPublication struct{ Messages []string }

func read[Shape any](data []byte) (shape Shape, ok bool) {
	return shape, json.Unmarshal(data, &shape) == nil
}

// UnmarshalJSON reads text if it is a string: other parts may have anything in its place.
func (p *part) UnmarshalJSON(data []byte) error {
	var kind struct{ Type string }
	if err := json.Unmarshal(data, &kind); err != nil {
		return err
	}
	p.Type = kind.Type
	if p.isText() {
		text, _ := read[struct{ Text string }](data)
		p.Text = text.Text
	}
	return nil
}

func (p part) isText() bool { return p.Type == "text" || p.Type == "reasoning" }

// closed reports whether nothing more can arrive. Unknown statuses are open, as `waiting` is.
func (m *message) closed() bool {
	closed := []string{"complete", "stopped", "failed", "interrupted"}
	return m.Role == "user" || slices.Contains(closed, m.Metadata.Status)
}

// expected reports whether more will arrive by itself.
func (m *message) expected() bool { return !m.closed() && m.Metadata.Status != "waiting" }

// apply ignores unknown chunks and those without text.
func (m *message) apply(data json.RawMessage) {
	chunk, ok := read[struct {
		Type            string
		MessageMetadata *metadata
	}](data)
	if !ok {
		return
	}
	switch chunk.Type {
	case "text-start":
		m.Parts = append(m.Parts, part{Type: "text"})
	case "reasoning-start":
		m.Parts = append(m.Parts, part{Type: "reasoning"})
	case "text-delta", "reasoning-delta":
		more, _ := read[struct{ Delta string }](data)
		for place, each := range slices.Backward(m.Parts) {
			if each.isText() {
				m.Parts[place].Text += more.Delta
				break
			}
		}
	case "start-step":
		m.Parts = append(m.Parts, part{Type: "step-start"})
	case "reset-step": // the step is made again
		for len(m.Parts) > 0 && m.Parts[len(m.Parts)-1].Type != "step-start" {
			m.Parts = m.Parts[:len(m.Parts)-1]
		}
	}
	if chunk.MessageMetadata != nil {
		m.Metadata = *chunk.MessageMetadata
	}
}
