// SPDX-License-Identifier: Apache-2.0
package io.engaged.bench.peers.streams;

import io.engaged.bench.peers.Event;
import io.engaged.bench.peers.Job;
import io.engaged.bench.peers.Meter;
import io.engaged.bench.peers.Profile;
import io.engaged.bench.peers.Trigger;
import java.time.Duration;
import java.util.Comparator;
import java.util.PriorityQueue;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * One partition's stakeholders. What is due is found by a queue in memory, which is made anew from the
 * profiles where a task begins: kept in a store of their own, timers would be a queue in an LSM tree, whose
 * head is all tombstones. A stakeholder has one timer at most, and it is left where it is when what it waits
 * for moves later: it then looks again.
 * The queue is looked at with each record instead of by a punctuator on stream time: it is the same moment,
 * and a thread whose punctuators fire goes back to fewer records per turn of its loop.
 */
final class StakeholderProcessor implements Processor<String, Event, String, byte[]> {
    static final String PROFILES = "profiles";

    private record Timer(long at, String who) {
    }

    private final Job job;
    private final Progress progress;
    private ProcessorContext<String, byte[]> context;
    private KeyValueStore<String, Profile> profiles;
    /** The earliest first; one that its profile does not have any more means nothing. */
    private final PriorityQueue<Timer> timers = new PriorityQueue<>(Comparator.comparingLong(Timer::at));
    private Progress.Partition partition;

    StakeholderProcessor(Job job, Progress progress) {
        this.job = job;
        this.progress = progress;
    }

    @Override
    public void init(ProcessorContext<String, byte[]> context) {
        this.context = context;
        profiles = context.getStateStore(PROFILES);
        partition = progress.partition(context.taskId().partition());
        timers.clear();
        restoreTimers();
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
            profile.timer = due;
            timers.add(new Timer(due, who));
        }
        profiles.put(who, profile);
    }

    /** Does what stream time, now at `now`, has passed. */
    private void fireDue(long now) {
        for (Timer t = timers.peek(); t != null && t.at < now; t = timers.peek()) {
            timers.remove();
            Profile profile = profiles.get(t.who);
            if (profile.timer == t.at) {
                profile.timer = Profile.NEVER;
                profile.settle(now, job, sink(t.who));
                keep(t.who, profile);
            }
        }
    }

    private void restoreTimers() {
        try (KeyValueIterator<String, Profile> all = profiles.all()) {
            while (all.hasNext()) {
                KeyValue<String, Profile> p = all.next();
                if (p.value.timer != Profile.NEVER) {
                    timers.add(new Timer(p.value.timer, p.key));
                }
            }
        }
    }

    private void commitAtEnd(long now) {
        if (progress.isAtEnd()) {
            context.commit();
        }
    }
}
