// SPDX-License-Identifier: Apache-2.0
package io.engaged.bench.peers.flink;

import io.engaged.bench.peers.Event;
import io.engaged.bench.peers.EventReader;
import io.engaged.bench.peers.Job;
import io.engaged.bench.peers.Meter;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;

/** Kafka's records to events, and triggers to Kafka's records. */
final class Records {
    private Records() {
    }

    /** Records to be skipped end here. */
    static final class In implements KafkaRecordDeserializationSchema<Event> {
        private static final long serialVersionUID = 1;
        private final Job job;
        private transient EventReader reader;

        In(Job job) {
            this.job = job;
        }

        @Override
        public void deserialize(ConsumerRecord<byte[], byte[]> record, Collector<Event> out) {
            Meter.begin();
            if (reader == null) {
                reader = new EventReader(job);
            }
            Event event = reader.read(record.value());
            Meter.EVENTS.increment();
            if (event.stakeholder != null) {
                out.collect(event);
            }
        }

        @Override
        public TypeInformation<Event> getProducedType() {
            return TypeInformation.of(Event.class);
        }
    }

    static final class Out implements KafkaRecordSerializationSchema<Tuple2<byte[], byte[]>> {
        private static final long serialVersionUID = 1;
        private final String topic;

        Out(String topic) {
            this.topic = topic;
        }

        @Override
        public ProducerRecord<byte[], byte[]> serialize(Tuple2<byte[], byte[]> trigger, KafkaSinkContext context,
                Long timestamp) {
            return new ProducerRecord<>(topic, trigger.f0, trigger.f1);
        }
    }
}
