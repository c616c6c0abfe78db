// SPDX-License-Identifier: Apache-2.0
package io.engaged.bench.peers;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.LongAdder;

/** What the run cost: all of this process, from the first record to the committed end. Of the process. */
public final class Meter {
    private static final AtomicBoolean HAS_BEGUN = new AtomicBoolean();
    private static final double TICKS_PER_S = 100;
    private static volatile boolean isRunning;
    private static volatile double cpuBefore;
    private static volatile long began;
    public static final LongAdder EVENTS = new LongAdder();
    public static final LongAdder TRIGGERS = new LongAdder();

    private Meter() {
    }

    /** To be called at each record; only the first counts. */
    public static void begin() {
        if (!isRunning && HAS_BEGUN.compareAndSet(false, true)) {
            cpuBefore = cpu();
            began = System.nanoTime();
            isRunning = true;
        }
    }

    /** User and system seconds of all threads so far, the compiler's and the collector's too. */
    private static double cpu() {
        try {
            String stat = Files.readString(Path.of("/proc/self/stat"));
            String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
            return (Long.parseLong(fields[11]) + Long.parseLong(fields[12])) / TICKS_PER_S;
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private static double peakMib() {
        try {
            for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
                if (line.startsWith("VmHWM:")) {
                    return Long.parseLong(line.replaceAll("\\D", "")) / 1024.0;
                }
            }
            return 0;
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    /** The line that `run` ends with; to be called when all is committed, printed when all is closed. */
    public static String end(String peer, String version, long events, List<String> cannot) {
        double cpu = cpu();
        long now = System.nanoTime();
        ObjectNode line = new ObjectMapper().createObjectNode();
        line.put("peer", peer).put("version", version).put("events", events);
        line.put("triggers", TRIGGERS.sum());
        line.put("cpu_s", rounded(cpu - cpuBefore)).put("cpu_startup_s", rounded(cpuBefore));
        line.put("wall_s", rounded((now - began) / 1e9)).put("peak_rss_mib", rounded(peakMib()));
        cannot.forEach(line.putArray("cannot")::add);
        return line.toString();
    }

    private static double rounded(double v) {
        return Math.round(v * 1000) / 1000.0;
    }
}
