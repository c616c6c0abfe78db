// SPDX-License-Identifier: Apache-2.0
package io.engaged.bench.peers.streams;

import io.engaged.bench.peers.Event;
import io.engaged.bench.peers.EventReader;
import io.engaged.bench.peers.Job;
import io.engaged.bench.peers.Meter;
import io.engaged.bench.peers.Profile;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.streams.processor.TimestampExtractor;

/** Bytes to and from what the processor works on. */
final class Serdes {
    private Serdes() {
    }

    /** Records are parsed once, here; the time is taken from what was parsed. One is used by all threads. */
    static Deserializer<Event> events(Job job) {
        ThreadLocal<EventReader> readers = ThreadLocal.withInitial(() -> new EventReader(job));
        return (topic, bytes) -> {
            Meter.begin();
            return readers.get().read(bytes);
        };
    }

    static Serde<Profile> profiles() {
        return org.apache.kafka.common.serialization.Serdes.serdeFrom(
                (topic, profile) -> profile == null ? null : profile.pack(),
                (topic, bytes) -> bytes == null ? null : Profile.unpack(bytes));
    }

    /** Stream time is the events' time; what is to be skipped does not move it. */
    public static final class EventTime implements TimestampExtractor {
        @Override
        public long extract(ConsumerRecord<Object, Object> record, long partitionTime) {
            Event event = (Event) record.value();
            return event.stakeholder == null ? Math.max(0, partitionTime) : event.time;
        }
    }
}
