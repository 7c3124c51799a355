"""Streams of brokers as sources: Kafka, NATS JetStream, Redis Streams, MQTT."""
