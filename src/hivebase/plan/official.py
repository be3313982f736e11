"""Names of Docker's official images.

A hive may well have an image in a directory called ``python`` that starts ``FROM python:3.11-slim``. Taken by
the letter that is an image that stands on itself; everybody means the official one.
"""

from __future__ import annotations

_TEXT = """
adminer aerospike almalinux alpine alt amazoncorretto amazonlinux api-firewall arangodb archlinux
backdrop bash bonita buildpack-deps busybox caddy cassandra centos chronograf cirros clearlinux clefos
clickhouse clojure composer consul convertigo couchbase couchdb crate dart debian docker drupal eclipse-
mosquitto eclipse-temurin eggdrop elasticsearch elixir emqx erlang fedora flink fluentd friendica gazebo
gcc geonetwork ghost golang gradle groovy haproxy haskell haxe hello-world hitch httpd hylang ibm-semeru-
runtimes ibmjava influxdb irssi jenkins jetty joomla jobber jruby julia kapacitor kibana kong krakend
lightstreamer liquibase logstash mageia mariadb matomo maven mediawiki memcached mongo mongo-express
monica mono mysql nats nats-streaming neo4j neurodebian nextcloud nginx node notary odoo open-liberty
openjdk opensuse oraclelinux orientdb percona perl photon php php-zendserver phpmyadmin plone
postfixadmin postgres pypy python r-base rabbitmq rakudo-star redis redmine registry rethinkdb rockylinux
rocket.chat ros ruby rust sapmachine scratch silverpeas sl solr sonarqube spark spiped storm swift swipl
telegraf thrift tomcat tomee traefik ubuntu unit varnish vault websphere-liberty wordpress xwiki yourls
znc zookeeper
"""

OFFICIAL_IMAGES = frozenset(_TEXT.split())
