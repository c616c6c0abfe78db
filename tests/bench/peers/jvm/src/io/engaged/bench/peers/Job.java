// SPDX-License-Identifier: Apache-2.0
package io.engaged.bench.peers;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.io.IOException;
import java.io.Serializable;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/** What JOB.json says. */
public final class Job implements Serializable {
    private static final long serialVersionUID = 1;

    /** What an event does, besides counting: bits of {@link #effect}. */
    public static final int COUNTS = 1;
    public static final int OPENS = 2;
    public static final int CLOSES = 4;

    public final double halfLifeMs;
    public final double enter;
    public final double exit;
    public final long obligationAfterMs;
    public final long[] windowsMs;
    private final Map<String, Double> weights = new HashMap<>();
    private final double otherWeight;
    private final Set<String> counted;
    private final Set<String> opens;
    private final Set<String> openingDirections = new HashSet<>();
    private final Set<String> closes;

    public Job(String path) throws IOException {
        JsonNode job = new ObjectMapper().readTree(new File(path));
        halfLifeMs = need(job, "half_life_s").asDouble() * 1000;
        enter = need(job, "enter").asDouble();
        exit = need(job, "exit").asDouble();
        obligationAfterMs = need(job, "obligation_after_s").asLong() * 1000;
        windowsMs = new long[need(job, "windows_s").size()];
        for (int i = 0; i < windowsMs.length; i++) {
            windowsMs[i] = job.get("windows_s").get(i).asLong() * 1000;
        }
        need(job, "weights").properties().forEach(w -> weights.put(w.getKey(), w.getValue().asDouble()));
        otherWeight = weights.getOrDefault("*", 1.0);
        counted = texts(job, "counted");
        opens = texts(job, "obligation_opens");
        opens.forEach(pair -> openingDirections.add(pair.substring(0, pair.indexOf(':'))));
        closes = texts(job, "obligation_closes");
        if (need(job, "allowed_lateness_s").asLong() != 0) {
            throw new IllegalArgumentException("allowed_lateness_s: events are not put in order here, only 0 is done");
        }
    }

    private static JsonNode need(JsonNode job, String key) {
        JsonNode value = job.get(key);
        if (value == null) {
            throw new IllegalArgumentException("the job has no " + key);
        }
        return value;
    }

    private static Set<String> texts(JsonNode job, String key) {
        Set<String> found = new HashSet<>();
        need(job, key).forEach(n -> found.add(n.asText()));
        return found;
    }

    /** The weight of an event with this verb, which may be null. */
    public double weight(String verb) {
        return weights.getOrDefault(verb, otherWeight);
    }

    /** What such an event does; expectsReply is null where the event does not say. */
    public int effect(String direction, String verb, Boolean expectsReply, boolean hasConversation) {
        int effect = counted.contains(direction) ? COUNTS : 0;
        if (!hasConversation) {
            return effect;
        }
        boolean isOpening = expectsReply == null ? names(opens, direction, verb)
                : expectsReply && openingDirections.contains(direction);
        effect |= isOpening ? OPENS : 0;
        return effect | (names(closes, direction, verb) ? CLOSES : 0);
    }

    private static boolean names(Set<String> pairs, String direction, String verb) {
        return pairs.contains(direction + ":" + verb) || pairs.contains(direction + ":*");
    }
}
