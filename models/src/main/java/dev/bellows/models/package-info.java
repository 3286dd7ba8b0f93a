/// Models for one device. How they are split over many is decided elsewhere, by parameter name.
package dev.bellows.models;
