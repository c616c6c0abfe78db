// SPDX-License-Identifier: Apache-2.0
package io.engaged.bench.peers.streams;

import io.engaged.bench.peers.Event;
import io.engaged.bench.peers.Job;
import io.engaged.bench.peers.Meter;
import io.engaged.bench.peers.Profile;
import io.engaged.bench.peers.Trigger;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * One partition's stakeholders. A second store is the timers: keys are a moment and a stakeholder, so that
 * what is due is found by a range. A stakeholder has one timer at most, and it is left where it is when
 * what it waits for moves later: it then looks again, which spares two writes an event.
 * Timers are looked at with each record instead of by a punctuator on stream time: it is the same moment,
 * and a thread whose punctuators fire goes back to fewer records per turn of its loop.
 */
final class StakeholderProcessor implements Processor<String, Event, String, byte[]> {
    static final String PROFILES = "profiles";
    static final String TIMERS = "timers";
    private static final byte[] NOTHING = {0};

    private final Job job;
    private final Progress progress;
    private ProcessorContext<String, byte[]> context;
    private KeyValueStore<String, Profile> profiles;
    private KeyValueStore<Bytes, byte[]> timers;
    /** The earliest timer. */
    private long earliest;
    private Progress.Partition partition;

    StakeholderProcessor(Job job, Progress progress) {
        this.job = job;
        this.progress = progress;
    }

    @Override
    public void init(ProcessorContext<String, byte[]> context) {
        this.context = context;
        profiles = context.getStateStore(PROFILES);
        timers = context.getStateStore(TIMERS);
        partition = progress.partition(context.taskId().partition());
        earliest = firstTimer();
        context.schedule(Duration.ofMillis(50), PunctuationType.WALL_CLOCK_TIME, this::commitAtEnd);
    }

    @Override
    public void process(Record<String, Event> record) {
        Event event = record.value();
        fireDue(context.currentStreamTimeMs());
        if (event.stakeholder != null) {
            Profile profile = profiles.get(event.stakeholder);
            if (profile == null) {
                profile = new Profile();
            }
            profile.apply(event, job, sink(event.stakeholder));
            keep(event.stakeholder, profile);
        }
        partition.offset = context.recordMetadata().orElseThrow().offset();
        Meter.EVENTS.increment();
    }

    private Profile.Sink sink(String who) {
        return (rule, isFired, time, counts, obligation) -> {
            Meter.TRIGGERS.increment();
            byte[] json = Trigger.json(job, who, rule, isFired, time, counts, obligation);
            context.forward(new Record<>(who, json, time));
        };
    }

    /** Stores the profile, with a timer that is early enough. */
    private void keep(String who, Profile profile) {
        long due = profile.due(job);
        if (due < profile.timer) {
            if (profile.timer != Profile.NEVER) {
                timers.delete(timerKey(profile.timer, who));
            }
            profile.timer = due;
            timers.put(timerKey(due, who), NOTHING);
            earliest = Math.min(earliest, due);
        }
        profiles.put(who, profile);
    }

    /** Does what stream time, now at `now`, has passed. */
    private void fireDue(long now) {
        if (earliest >= now) {
            return;
        }
        List<Bytes> due = new ArrayList<>();
        try (KeyValueIterator<Bytes, byte[]> found = timers.range(timerKey(0, ""), timerKey(now, ""))) {
            while (found.hasNext()) {
                due.add(found.next().key);
            }
        }
        for (Bytes key : due) {
            timers.delete(key);
            String who = new String(key.get(), Long.BYTES, key.get().length - Long.BYTES, StandardCharsets.UTF_8);
            Profile profile = profiles.get(who);
            profile.timer = Profile.NEVER;
            profile.settle(now, job, sink(who));
            keep(who, profile);
        }
        earliest = firstTimer();
    }

    private long firstTimer() {
        try (KeyValueIterator<Bytes, byte[]> all = timers.all()) {
            if (!all.hasNext()) {
                return Profile.NEVER;
            }
            KeyValue<Bytes, byte[]> first = all.next();
            return ByteBuffer.wrap(first.key.get()).getLong();
        }
    }

    private static Bytes timerKey(long at, String who) {
        byte[] utf8 = who.getBytes(StandardCharsets.UTF_8);
        return Bytes.wrap(ByteBuffer.allocate(Long.BYTES + utf8.length).putLong(at).put(utf8).array());
    }

    private void commitAtEnd(long now) {
        if (progress.isAtEnd()) {
            context.commit();
        }
    }
}
