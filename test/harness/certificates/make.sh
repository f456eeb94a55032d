#!/bin/sh
# Creates the certificates of this folder, valid for a hundred years: sh make.sh
set -eu
cd "$(dirname "$0")"
key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1-key.pem"; }
authority() {
  key "$1"
  openssl req -x509 -new -key "$1-key.pem" -subj "/CN=$1" -days 36500 -out "$1.pem"
}
certificate() { # name, authority, extensions
  key "$1"
  openssl req -new -key "$1-key.pem" -subj "/CN=$1" |
    openssl x509 -req -CA "$2.pem" -CAkey "$2-key.pem" -CAcreateserial -days 36500 -out "$1.pem" -extfile /dev/fd/3 3<<EXT
$3
EXT
}
authority authority
authority other-authority
certificate server authority "subjectAltName=DNS:localhost,DNS:runner.test,IP:127.0.0.1
extendedKeyUsage=serverAuth"
certificate elsewhere authority "subjectAltName=DNS:elsewhere.test
extendedKeyUsage=serverAuth"
certificate client authority "extendedKeyUsage=clientAuth"
certificate stranger other-authority "extendedKeyUsage=clientAuth"
rm -f ./*authority-key.pem ./*.srl
