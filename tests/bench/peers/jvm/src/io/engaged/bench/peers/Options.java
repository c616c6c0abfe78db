// SPDX-License-Identifier: Apache-2.0
package io.engaged.bench.peers;

import java.util.HashMap;
import java.util.Map;
import java.util.Set;

/** The arguments of `run`, as ../README.md has them; the environment may change a setting for trials. */
public final class Options {
    private static final Set<String> KNOWN = Set.of("bootstrap", "events", "triggers", "job", "until", "delivery",
            "threads", "state");

    public final String bootstrap;
    public final String events;
    public final String triggers;
    public final String job;
    public final long until;
    public final boolean exactlyOnce;
    public final int threads;
    public final String state;

    public Options(String[] args) {
        Map<String, String> given = new HashMap<>();
        for (int i = 0; i + 1 < args.length; i += 2) {
            String name = args[i].startsWith("--") ? args[i].substring(2) : "";
            if (!KNOWN.contains(name)) {
                throw new IllegalArgumentException("unknown option " + args[i]);
            }
            given.put(name, args[i + 1]);
        }
        bootstrap = need(given, "bootstrap");
        events = need(given, "events");
        triggers = need(given, "triggers");
        job = need(given, "job");
        until = Long.parseLong(need(given, "until"));
        exactlyOnce = switch (need(given, "delivery")) {
            case "exactly-once" -> true;
            case "at-least-once" -> false;
            default -> throw new IllegalArgumentException("--delivery is exactly-once or at-least-once");
        };
        threads = Integer.parseInt(need(given, "threads"));
        state = need(given, "state");
    }

    private static String need(Map<String, String> given, String name) {
        String value = given.get(name);
        if (value == null) {
            throw new IllegalArgumentException("--" + name + " is missing");
        }
        return value;
    }

    /** A setting that trials change by the environment: its value there, or the one given. */
    public static String setting(String name, String value) {
        return System.getenv().getOrDefault("PEER_" + name, value);
    }
}
