// SPDX-License-Identifier: Apache-2.0
package io.engaged.bench.peers;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.HashMap;
import java.util.Map;

/**
 * A structured CloudEvent to an Event, by Jackson's streaming reader: its fastest way, as its documentation
 * says. The effect of a (direction, verb, expects_reply) is looked up once each. Of one thread.
 */
public final class EventReader {
    /** Verbs and directions are open sets: more than that are not remembered. */
    private static final int MOST_VERBS = 1024;
    private final JsonFactory factory = new JsonFactory();
    private final Job job;
    private final Map<String, Kind> kinds = new HashMap<>();
    private String direction;
    private String verb;
    private String conversation;
    private Boolean expectsReply;

    /** What events of one verb weigh, and what they do by direction and expects_reply. */
    private static final class Kind {
        final double weight;
        final Map<String, int[]> effects = new HashMap<>();

        Kind(double weight) {
            this.weight = weight;
        }
    }

    public EventReader(Job job) {
        this.job = job;
    }

    /** Never null; without a stakeholder for what is to be skipped. */
    public Event read(byte[] json) {
        Event e = new Event();
        if (json == null) {
            return e;
        }
        direction = null;
        verb = null;
        conversation = null;
        expectsReply = null;
        try (JsonParser p = factory.createParser(json)) {
            if (p.nextToken() == JsonToken.START_OBJECT) {
                readOuter(p, e);
            }
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
        weigh(e);
        return e;
    }

    private void readOuter(JsonParser p, Event e) throws IOException {
        for (String name = p.nextFieldName(); name != null; name = p.nextFieldName()) {
            switch (name) {
                case "id" -> e.id = p.nextTextValue();
                case "subject" -> e.stakeholder = p.nextTextValue();
                case "time" -> e.time = Times.parse(p.nextTextValue());
                case "data" -> {
                    if (p.nextToken() == JsonToken.START_OBJECT) {
                        readData(p);
                    } else {
                        p.skipChildren();
                    }
                }
                default -> skip(p);
            }
        }
    }

    private void readData(JsonParser p) throws IOException {
        for (String name = p.nextFieldName(); name != null; name = p.nextFieldName()) {
            switch (name) {
                case "direction" -> direction = p.nextTextValue();
                case "verb" -> verb = p.nextTextValue();
                case "conversation" -> conversation = p.nextTextValue();
                case "expects_reply" -> expectsReply = p.nextBooleanValue();
                default -> skip(p);
            }
        }
    }

    private static void skip(JsonParser p) throws IOException {
        p.nextToken();
        p.skipChildren();
    }

    private void weigh(Event e) {
        Kind kind = kinds.get(verb);
        if (kind == null) {
            kind = new Kind(job.weight(verb));
            if (kinds.size() < MOST_VERBS) {
                kinds.put(verb, kind);
            }
        }
        boolean hasConversation = conversation != null && !conversation.isEmpty();
        int asked = (expectsReply == null ? 0 : expectsReply ? 1 : 2) + (hasConversation ? 3 : 0);
        int[] effects = kind.effects.get(direction);
        if (effects == null) {
            effects = new int[] {-1, -1, -1, -1, -1, -1};
            if (kind.effects.size() < MOST_VERBS) {
                kind.effects.put(direction, effects);
            }
        }
        if (effects[asked] < 0) {
            effects[asked] = job.effect(direction, verb, expectsReply, hasConversation);
        }
        e.weight = kind.weight;
        e.effect = effects[asked];
        e.conversation = e.does(Job.OPENS | Job.CLOSES) ? conversation : null;
        e.id = e.does(Job.OPENS) ? e.id : null;
    }
}
