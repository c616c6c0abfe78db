// SPDX-License-Identifier: Apache-2.0
package io.engaged.bench.peers.flink;

import io.engaged.bench.peers.Event;
import io.engaged.bench.peers.Job;
import io.engaged.bench.peers.Meter;
import io.engaged.bench.peers.Profile;
import io.engaged.bench.peers.Trigger;
import java.nio.charset.StandardCharsets;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.streaming.api.TimerService;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

/**
 * The job per stakeholder, with an event-time timer. A stakeholder has one timer at most, and it is left where
 * it is when what it waits for moves later: it then looks again, which is the "timer coalescing" of Flink's
 * documentation. Triggers go out as key and value of a record.
 */
public final class StakeholderFunction extends KeyedProcessFunction<String, Event, Tuple2<byte[], byte[]>>
        implements Profile.Sink {
    private static final long serialVersionUID = 1;

    private final Job job;
    private transient ValueState<Profile> profiles;
    /** The latest event time here. */
    private transient long latest;
    /** Whose triggers are coming, and where to. */
    private transient String who;
    private transient Collector<Tuple2<byte[], byte[]>> out;

    StakeholderFunction(Job job) {
        this.job = job;
    }

    @Override
    public void open(OpenContext context) {
        profiles = getRuntimeContext().getState(new ValueStateDescriptor<>("profiles", ProfileSerializer.INSTANCE));
    }

    @Override
    public void processElement(Event event, Context context, Collector<Tuple2<byte[], byte[]>> out)
            throws Exception {
        Profile profile = profiles.value();
        if (profile == null) {
            profile = new Profile();
        }
        this.who = event.stakeholder;
        this.out = out;
        latest = Math.max(latest, event.time);
        profile.apply(event, job, this);
        keep(profile, context.timerService());
    }

    @Override
    public void onTimer(long at, OnTimerContext context, Collector<Tuple2<byte[], byte[]>> out) throws Exception {
        if (context.timerService().currentWatermark() == Long.MAX_VALUE && at >= latest) {
            return; // A bounded source ends with a watermark that is later than all timers, and is no time of the stream.
        }
        Profile profile = profiles.value();
        this.who = context.getCurrentKey();
        this.out = out;
        profile.timer = Profile.NEVER;
        profile.settle(at + 1, job, this); // All events up to `at` have been.
        keep(profile, context.timerService());
    }

    /** Stores the profile, with a timer that is early enough. */
    private void keep(Profile profile, TimerService timers) throws Exception {
        long due = profile.due(job);
        if (due < profile.timer) {
            if (profile.timer != Profile.NEVER) {
                timers.deleteEventTimeTimer(profile.timer);
            }
            profile.timer = due;
            timers.registerEventTimeTimer(due);
        }
        profiles.update(profile);
    }

    @Override
    public void trigger(String rule, boolean isFired, long time, long[] counts, String obligation) {
        Meter.TRIGGERS.increment();
        out.collect(Tuple2.of(who.getBytes(StandardCharsets.UTF_8),
                Trigger.json(job, who, rule, isFired, time, counts, obligation)));
    }
}
