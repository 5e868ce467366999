"""A refused login is noted by whoever watches, for as long as it does."""

from bus import kafka_fixes
from bus.kafka_fixes import watch_logins
from kafka.errors import KafkaConnectionError, SaslAuthenticationFailedError
from kafka.net.connection import KafkaConnection


def test_a_refused_login_is_noted_until_the_watch_is_set_back() -> None:
    kafka_fixes.apply()
    with watch_logins() as logins:
        KafkaConnection(None).connection_lost(KafkaConnectionError("the broker is gone"))
        assert not logins.refused
        KafkaConnection(None).connection_lost(SaslAuthenticationFailedError())
        assert logins.refused
        logins.refused = False
    KafkaConnection(None).connection_lost(SaslAuthenticationFailedError())
    assert not logins.refused
