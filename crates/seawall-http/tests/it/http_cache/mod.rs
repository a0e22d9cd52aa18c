//! The cache, around a real server and around scripted ones.

mod behaviour;
mod bodies;
mod config;
mod flights;
mod model;
mod origin;
mod peer_defects;
mod requests;
mod table;
