"""Names of Docker's official images.

A hive may well have an image in a directory called ``python`` that starts ``FROM python:3.11-slim``. Taken by
the letter that is an image that stands on itself; everybody means the official one.
"""

from __future__ import annotations

_TEXT = """
adminer aerospike almalinux alpine alt amazoncorretto amazonlinux api-firewall arangodb archlinux backdrop
bash bonita buildpack-deps busybox caddy cassandra celery centos chronograf cirros clearlinux clefos
clickhouse clojure composer consul convertigo couchbase couchdb crate crux dart debian django docker drupal
eclipse-mosquitto eclipse-temurin eggdrop elasticsearch elixir emqx erlang euleros express-gateway fedora
flink fluentd friendica fsharp gazebo gcc geonetwork ghost glassfish golang gradle groovy haproxy haskell
haxe hello-world hipache hitch httpd hylang ibm-semeru-runtimes ibmjava influxdb iojs irssi java jenkins
jetty jobber joomla jruby julia kapacitor kibana kong krakend lightstreamer liquibase logstash mageia
mariadb matomo maven mediawiki memcached mongo mongo-express monica mono mysql nats nats-streaming neo4j
neurodebian nextcloud nginx node notary nuxeo odoo open-liberty openjdk opensuse oraclelinux orientdb
owncloud percona perl photon php php-zendserver phpmyadmin piwik plone postfixadmin postgres pypy python
r-base rabbitmq rails rakudo-star redis redmine registry rethinkdb rocket.chat rockylinux ros ruby rust
sapmachine satosa scratch silverpeas sl solr sonarqube sourcemage spark spiped storm swarm swift swipl
teamspeak telegraf thrift tomcat tomee traefik ubuntu ubuntu-debootstrap ubuntu-upstart unit valkey varnish
vault websphere-liberty wordpress xwiki yourls znc zookeeper
"""

OFFICIAL_IMAGES = frozenset(_TEXT.split())
"""Their repositories, those included that are no longer maintained: old Dockerfiles name them still."""

_ARCHITECTURES = """
amd64 arm32v5 arm32v6 arm32v7 arm64v8 i386 mips64le ppc64le riscv64 s390x windows-amd64
"""

OFFICIAL_NAMESPACES = frozenset({"library", *_ARCHITECTURES.split()})
"""Where they live on Docker Hub: all architectures together, and each one alone."""
