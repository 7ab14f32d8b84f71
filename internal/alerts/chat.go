package alerts

import (
	"encoding/json"
	"strings"
	"unicode"
)

// chatBody is an event in the form that a kind of chat takes. Whatever people wrote arrives as text: it mentions nobody,
// links nowhere and formats nothing.
func chatBody(kind string, e Event) ([]byte, error) {
	switch kind {
	case Discord:
		return json.Marshal(map[string]any{
			"content":          e.chatText(escapeMarkdown),
			"allowed_mentions": map[string]any{"parse": []string{}}, // nobody, whatever the text says
			"flags":            4,                                   // no previews of links
		})
	case Teams:
		return json.Marshal(teamsCard(e))
	}
	return json.Marshal(map[string]any{"text": e.chatText(escapeSlack), "mrkdwn": false, "unfurl_links": false})
}

// chatText is the alert as lines. The link is ours, and is left as it is.
func (e Event) chatText(escape func(string) string) string {
	lines := []string{escape(e.headline())}
	for _, change := range e.changes() {
		lines = append(lines, "- "+escape(change))
	}
	lines = append(lines, escape(e.when()))
	if e.Link != "" {
		lines = append(lines, e.Link)
	}
	return strings.Join(lines, "\n")
}

// escapeSlack writes text for Slack, Mattermost and Rocket.Chat. In the first, only &, < and > mean something; in the
// others @all calls everybody and [text](address) links.
func escapeSlack(text string) string {
	text = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "](", "]\u200b(").Replace(text)
	return calm(text)
}

// escapeMarkdown writes text for Discord.
func escapeMarkdown(text string) string {
	var b strings.Builder
	for _, r := range text {
		if strings.ContainsRune("\\*_~`|>[]()#<:", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return calm(b.String())
}

// calm parts an @ from a name that it could call. An e-mail address, with something before its @, stays whole.
func calm(text string) string {
	var b strings.Builder
	before := ' '
	for _, r := range text {
		b.WriteRune(r)
		if r == '@' && !unicode.IsLetter(before) && !unicode.IsDigit(before) {
			b.WriteRune('\u200b') // a space of no width
		}
		before = r
	}
	return b.String()
}

// teamsCard is an Adaptive Card, as workflows in Teams take it. A RichTextBlock shows its text as it is; a TextBlock would
// read Markdown in it.
func teamsCard(e Event) map[string]any {
	paragraph := func(text string, bold bool) map[string]any {
		run := map[string]any{"type": "TextRun", "text": text}
		if bold {
			run["weight"] = "Bolder"
		}
		return map[string]any{"type": "RichTextBlock", "inlines": []any{run}}
	}
	body := []any{paragraph(e.headline(), true)}
	for _, change := range e.changes() {
		body = append(body, paragraph("- "+change, false))
	}
	body = append(body, paragraph(e.when(), false))
	card := map[string]any{"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4", "body": body}
	if e.Link != "" {
		card["actions"] = []any{map[string]any{"type": "Action.OpenUrl", "title": "Open the page", "url": e.Link}}
	}
	return map[string]any{"type": "message", "attachments": []any{
		map[string]any{"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": nil, "content": card}}}
}
