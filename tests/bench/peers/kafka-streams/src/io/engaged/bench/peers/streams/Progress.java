// SPDX-License-Identifier: Apache-2.0
package io.engaged.bench.peers.streams;

import io.engaged.bench.peers.Meter;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;

/** How far the run is, for whoever waits for its committed end. */
final class Progress {
    /** Written by the thread that has the partition. */
    static final class Partition {
        /** Of the last record that was processed. */
        volatile long offset = -1;
    }

    private final Map<Integer, Partition> partitions = new ConcurrentHashMap<>();
    private final String topic;
    private final long until;

    Progress(String topic, long until) {
        this.topic = topic;
        this.until = until;
    }

    Partition partition(int number) {
        return partitions.computeIfAbsent(number, n -> new Partition());
    }

    boolean isAtEnd() {
        return Meter.EVENTS.sum() >= until;
    }

    /** Whether the group has committed all that was processed. */
    boolean isCommitted(Admin admin, String group) throws Exception {
        Map<TopicPartition, OffsetAndMetadata> committed =
                admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
        return partitions.entrySet().stream().allMatch(p -> {
            OffsetAndMetadata c = committed.get(new TopicPartition(topic, p.getKey()));
            return p.getValue().offset < 0 || c != null && c.offset() > p.getValue().offset;
        });
    }
}
