// SPDX-License-Identifier: Apache-2.0
package io.engaged.bench.peers;

import com.fasterxml.jackson.core.io.JsonStringEncoder;
import java.nio.charset.StandardCharsets;

/** A trigger as JSON. */
public final class Trigger {
    private Trigger() {
    }

    public static byte[] json(Job job, String stakeholder, String rule, boolean isFired, long time, long[] counts,
            String obligation) {
        StringBuilder s = new StringBuilder(192);
        s.append("{\"rule\":\"").append(rule).append("\",\"edge\":\"").append(isFired ? "fired" : "cleared");
        s.append("\",\"stakeholder\":\"");
        JsonStringEncoder.getInstance().quoteAsString(stakeholder, s);
        s.append("\",\"time\":").append(time);
        if (counts != null) {
            for (int i = 0; i < counts.length; i++) {
                s.append(i == 0 ? ",\"counts\":{\"" : ",\"").append(job.windowsMs[i] / 1000).append("\":");
                s.append(counts[i]);
            }
            s.append('}');
        }
        if (obligation != null) {
            s.append(",\"obligation\":\"");
            JsonStringEncoder.getInstance().quoteAsString(obligation, s);
            s.append('"');
        }
        return s.append('}').toString().getBytes(StandardCharsets.UTF_8);
    }
}
